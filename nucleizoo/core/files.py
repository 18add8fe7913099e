"""Files and folders that are whole or not there at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nucleizoo.core.errors import RunError, UserError

_PART = ".part-"


def is_part(path: Path) -> bool:
    """Whether a file is a temporary one of `atomic`: one being written, or left by a killed process."""
    return path.name.startswith(_PART)


@contextmanager
def atomic(path: str | Path, *, sync: bool = True) -> Iterator[Path]:
    """Write a file so that nobody ever finds half of it.

    The block writes to the temporary file it is given, which lies hidden in the same folder and
    ends in the same suffix. When the block ends, that file takes the place of `path` in one step;
    when the block fails, it is removed and an older `path` stays as it was.

    Args:
        path: the file to write; its folder must exist.
        sync: whether to wait for the disk, so that the file is whole even after a power failure; a killed
            process leaves no half of it either way.

    Yields:
        The temporary file to write to, empty.

    Raises:
        OSError: when the folder is missing or not writable, or the disk is full.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> with atomic(folder / "note.txt") as part:
        ...     _ = part.write_text("whole")
        >>> [file.name for file in folder.iterdir()]
        ['note.txt']
    """
    path = Path(path)
    part = path.with_name(f"{_PART}{secrets.token_hex(8)}{path.suffix}")
    part.touch(exist_ok=False)
    try:
        yield part
        if sync:
            with part.open("r+b") as written:
                os.fsync(written.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder so that nobody ever finds half of it.

    The block fills the temporary folder it is given, which lies hidden beside `path`. When the block
    ends, that folder takes the place of `path`; when the block fails, it is removed.

    Args:
        path: the folder to make; folders above it are made too.

    Yields:
        The temporary folder, empty.

    Raises:
        UserError: when `path` is there already and not empty.
        OSError: when it cannot be written.
    """
    path = Path(path)
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise UserError(f"{path}: is there already and is not overwritten; name another folder, or remove it")
    part = path.with_name(f"{_PART}{secrets.token_hex(8)}")
    part.mkdir(parents=True)
    try:
        yield part
        if path.exists():
            path.rmdir()
        os.replace(part, path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a file, by which other processes see that its folder is in use.

    The lock goes with the process, however that ends. On Windows nothing is locked.

    Args:
        file: is made if missing. Only who holds it may remove it, and nobody may put another in its place.

    Raises:
        RunError: when another process holds the file, or has removed it just now.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    with file.open("a") as held:
        try:
            fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(held.fileno()), file.stat()):
                raise FileExistsError(f"{file}: is another now")
        except OSError as error:
            raise RunError(f"{file.parent} is in use by another process; wait for it or stop it") from error
        yield
