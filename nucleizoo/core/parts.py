"""Temporary files and folders, hidden until they are complete; what a killed process left is removed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, takewhile
from pathlib import Path

_PREFIX = ".part-"


def is_part(path: Path) -> bool:
    """Whether a file is a temporary one: one being written, or left by a killed process."""
    return path.name.startswith(_PREFIX)


@contextmanager
def part_of(path: Path, make: Callable[[Path], None], folder: Path | None = None) -> Iterator[Path]:
    """A temporary file or folder for `path`, which the block moves there; otherwise it is removed.

    Its name follows from that of `path`, so that one that was left is found without a search, and it is
    locked, so that one that was left is known from one that is being written.

    Args:
        path: what it is for.
        make: makes the file or folder, and raises FileExistsError when there is one.
        folder: where it is, on the disk of `path`; None is that of `path`.

    Raises:
        OSError: when it cannot be made.
    """
    names = (folder or path.parent) / f"{_PREFIX}{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}"
    for left in takewhile(os.path.lexists, _numbered(names, path.suffix)):
        _clear(left)
    for part in _numbered(names, path.suffix):
        with suppress(FileExistsError, BlockingIOError):  # another process writes the same, or was faster
            make(part)
            lock = _lock(part)
            break
    own = part.lstat()
    try:
        yield part
    finally:
        if os.path.lexists(part) and os.path.samestat(own, part.lstat()):
            _remove(part)
        if lock is not None:
            os.close(lock)


def _numbered(names: Path, suffix: str) -> Iterator[Path]:
    """Names of temporary files; the second and later ones are for processes that write the same at once."""
    return (names.with_name(f"{names.name}-{number}{suffix}") for number in count())


def _clear(part: Path) -> None:
    """Remove a temporary file or folder, unless a living process or another user has it."""
    with suppress(BlockingIOError, PermissionError):
        lock = None if part.is_symlink() else _lock(part)
        if lock is not None:
            _remove(part)
            os.close(lock)


def _lock(part: Path) -> int | None:
    """Lock a temporary file or folder until the file descriptor that is returned is closed.

    Returns:
        None where the system or the disk has no such locks.

    Raises:
        BlockingIOError: when another process has locked it, or has just removed it.
        PermissionError: when it is another user's.
    """
    if os.name != "posix":
        return None
    import fcntl

    try:
        lock = os.open(part, os.O_NOFOLLOW | (os.O_RDONLY if part.is_dir() else os.O_RDWR))
    except FileNotFoundError as error:
        raise BlockingIOError(f"{part}: was removed") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.lexists(part) and os.path.samestat(os.fstat(lock), part.lstat()):
            return lock
        raise BlockingIOError(f"{part}: was replaced")
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:  # a network disk without locks
        os.close(lock)
        return None


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink()
