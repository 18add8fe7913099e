"""Files that are whole or not there at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Write a file so that nobody ever finds half of it.

    The block writes to the temporary file it is given, which lies hidden in the same folder and
    ends in the same suffix. When the block ends, that file takes the place of `path` in one step;
    when the block fails, it is removed and an older `path` stays as it was.

    Args:
        path: the file to write; its folder must exist.

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
    part = path.with_name(f".part-{secrets.token_hex(8)}{path.suffix}")
    part.touch(exist_ok=False)
    try:
        yield part
        with part.open("r+b") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
