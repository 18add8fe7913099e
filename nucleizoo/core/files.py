"""Atomic files and folders: complete, or not there at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from nucleizoo.core.errors import RunError, UserError
from nucleizoo.core.parts import part_of


@contextmanager
def atomic(path: str | Path, *, sync: bool = True, within: Path | None = None) -> Iterator[Path]:
    """Write a file atomically: nobody ever sees a partial file.

    The block writes to a hidden temporary file in the same folder, with the same suffix. When the
    block ends, that file replaces `path` in one step; when the block fails, it is removed and an
    older `path` is left unchanged. One that a killed process has left is removed by the next that writes
    `path`.

    Args:
        path: the file to write; its folder must exist.
        sync: whether to wait for the disk, so that the file is complete even after a power failure; a
            killed process leaves no partial file either way.
        within: another folder for the temporary file, on the same disk.

    Yields:
        The temporary file to write to, empty.

    Raises:
        OSError: when the folder is missing or not writable, the name too long, or the disk full.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> with atomic(folder / "note.txt") as part:
        ...     _ = part.write_text("whole")
        >>> [file.name for file in folder.iterdir()]
        ['note.txt']
    """
    with _together([Path(path)], sync=sync, within=within) as (part,):
        yield part


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write text files atomically and together: all of them are new, or all are as they were.

    They are UTF-8, whatever the machine's encoding, with lines as they are given. Names that are no UTF-8,
    which Python holds as lone surrogates, are written with backslashes.

    Raises:
        OSError: as `atomic`.
    """
    with _together(list(texts)) as parts:
        for part, text in zip(parts, texts.values(), strict=True):
            part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder atomically: nobody ever sees a partial folder.

    The block fills a hidden temporary folder next to `path`. When the block ends, that folder
    replaces `path`; when the block fails, it is removed. One that a killed process has left is removed by
    the next that fills `path`.

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
    path.parent.mkdir(parents=True, exist_ok=True)
    with part_of(path, Path.mkdir) as part:
        yield part
        if path.exists():
            path.rmdir()
        os.replace(part, path)


def is_too_long(path: Path) -> bool:
    """Whether a file could not be made because its name is too long for the disk, or its path."""
    try:
        path.lstat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


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


@contextmanager
def _together(
    paths: Sequence[Path], *, sync: bool = True, within: Path | None = None
) -> Iterator[list[Path]]:
    """Temporary files that replace paths when the block ends, after all of them are on the disk."""
    for path in paths:
        if is_too_long(path):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(path))
    with ExitStack() as held:
        make = partial(Path.touch, exist_ok=False)
        parts = [held.enter_context(part_of(path, make, within)) for path in paths]
        yield parts
        for part in parts if sync else ():
            with part.open("r+b") as written:
                os.fsync(written.fileno())
        for part, path in zip(parts, paths, strict=True):
            os.replace(part, path)
