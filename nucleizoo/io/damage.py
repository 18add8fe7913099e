"""Which errors of a decoder tell of a damaged file, and which of the machine that reads it."""

from __future__ import annotations

import errno
import os

_NUMBERS = ("EIO", "EINVAL", "EOVERFLOW", "EILSEQ", "EBADMSG", "ENODATA", "EUCLEAN")
"""Of errors of a disk that cannot read a block any more, and of addresses that no file has."""

_OF_THE_FILE = {getattr(errno, name) for name in _NUMBERS if hasattr(errno, name)}

_OF_THE_MACHINE = (ImportError, TimeoutError, PermissionError, FileNotFoundError, ConnectionError)
"""Errors of it that need no number."""


def check_damage(error: Exception, name: str) -> None:
    """Let damage pass; all that another try, user or machine might not meet is raised as what it is.

    Args:
        error: of a decoder; these raise anything on a damaged file.
        name: of the file, which the error that is raised has.

    Raises:
        OSError: of the class and number of `error`, when these are not those of damage: too many open
            files, a server that does not answer, no permission.
        MemoryError: when memory was too small.
        ImportError: when a package is missing.
    """
    if isinstance(error, MemoryError):
        raise MemoryError(f"{name}: memory is too small to read it ({error})") from error
    if isinstance(error, OSError) and error.errno and error.errno not in _OF_THE_FILE:
        raise OSError(error.errno, os.strerror(error.errno), name) from error
    if isinstance(error, _OF_THE_MACHINE):
        raise type(error)(f"{name}: {error}") from error
