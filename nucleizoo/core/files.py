"""Atomic files and folders: complete, or not there at all."""

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
    """Write a file atomically: nobody ever sees a partial file.

    The block writes to a hidden temporary file in the same folder, with the same suffix. When the
    block ends, that file replaces `path` in one step; when the block fails, it is removed and an
    older `path` is left unchanged.

    Args:
        path: the file to write; its folder must exist.
        sync: whether to wait for the disk, so that the file is complete even after a power failure; a
            killed process leaves no partial file either way.

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
    """Fill a folder atomically: nobody ever sees a partial folder.

    The block fills a hidden temporary folder next to `path`. When the block ends, that folder
    replaces `path`; when the block fails, it is removed.

    Args:
        path: the folder to create; parent folders are created too.

    Yields:
        The temporary folder, empty.

    Raises:
        UserError: when `path` exists and is not empty.
        OSError: when it cannot be written.
    """
    path = Path(path)
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise UserError(f"{path}: exists already and is not overwritten; name another folder, or remove it")
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
    """Lock a file, which tells other processes that its folder is in use.

    The lock is released when the process ends, however it ends. On Windows nothing is locked.

    Args:
        file: created if missing. Only the process that holds it may remove it, and none may replace it.

    Raises:
        RunError: when another process holds the file, or has just removed it.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    with file.open("a") as held:
        try:
            fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(held.fileno()), file.stat()):
                raise FileExistsError(f"{file}: was replaced")
        except OSError as error:
            raise RunError(f"{file.parent} is in use by another process; wait for it or stop it") from error
        yield
