"""What decoders raise, told as what it is: damage, a matter of rights, or a matter of the machine."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nucleizoo.core.errors import ImageReadError, UserError

_NUMBERS = ("EIO", "EINVAL", "EOVERFLOW", "EILSEQ", "EBADMSG", "ENODATA", "EUCLEAN")
"""Error numbers of disk blocks that cannot be read, and of addresses outside the file."""

_OF_THE_FILE = {getattr(errno, name) for name in _NUMBERS if hasattr(errno, name)}

_OF_THE_MACHINE = (ImportError, TimeoutError, PermissionError, FileNotFoundError, ConnectionError)
"""Errors of the machine, whatever their number."""


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Name the file in whatever decoders raise while it is opened or read.

    Raises:
        ImageReadError: for a file that is damaged, or may not be read.
        OSError: for errors of the machine, also MemoryError and ImportError; see `check_damage`.
    """
    try:
        yield
    except UserError:
        raise
    except PermissionError as error:
        raise ImageReadError(
            f"{path}: may not be read ({error.strerror or error}); ask its owner for permission, or give it "
            "yourself: chmod u+r"
        ) from error
    except Exception as error:  # decoders raise anything from KeyError to zlib.error on damaged files
        check_damage(error, str(path))
        size = f" ({path.stat().st_size} bytes)" if path.is_file() else ""
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ImageReadError(
            f"{path}: cannot be opened as {path.suffix or 'Zarr'}{size}: {reason}; it may be damaged, "
            "truncated or in another format: copy or save it again"
        ) from error


def is_lack_of_memory(error: Exception) -> bool:
    """Whether Python, or the system for a file that it maps, had no memory left."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def check_damage(error: Exception, name: str) -> None:
    """Return for damage; raise errors that another try, user or machine might not have.

    Args:
        error: of a decoder; these raise anything on a damaged file.
        name: of the file, for the raised error.

    Raises:
        OSError: with the class and number of `error`, when these do not mean damage: too many open
            files, a server that does not answer, no permission.
        MemoryError: when there was not enough memory.
        ImportError: when a package is missing.
    """
    if isinstance(error, MemoryError):
        raise MemoryError(f"{name}: not enough memory to read it ({error})") from error
    if isinstance(error, OSError) and error.errno and error.errno not in _OF_THE_FILE:
        raise OSError(error.errno, os.strerror(error.errno), name) from error
    if isinstance(error, _OF_THE_MACHINE):
        raise type(error)(f"{name}: {error}") from error
