"""The folder of what is found on the way: whose it is, and how it goes."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.core.files import locked

LOCK = "lock"
"""File that the process holds that works there."""


def begun(scratch: Path) -> Path:
    """Where a job is noted that was begun; without this file there is nothing to go on from."""
    return scratch / "job.json"


@contextmanager
def held(scratch: Path) -> Iterator[None]:
    """Keep other processes from a folder, which is made; it goes when nothing could be begun in it.

    Raises:
        RunError: when another process is at it.
        UserError: when nothing can be written there.
    """
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{scratch.parent}: nothing can be written there ({error.strerror}); name another folder with "
            "--output"
        ) from error
    with locked(scratch / LOCK):
        try:
            yield
        except BaseException:
            if scratch.exists() and not begun(scratch).exists():
                remove(scratch)
            raise


def remove(scratch: Path) -> None:
    """Remove a folder; whatever stops it on the way, what is left is a job to go on with, or nothing.

    The lock goes last, under another name of the folder: who comes meanwhile is told that it is in use.
    """
    for path in scratch.iterdir():
        if path not in (begun(scratch), scratch / LOCK):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    begun(scratch).unlink(missing_ok=True)
    gone = scratch.with_name(f"{scratch.name}-{secrets.token_hex(4)}")
    os.replace(scratch, gone)
    shutil.rmtree(gone)
