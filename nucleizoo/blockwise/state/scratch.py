"""The scratch folder of a job: its lock, its note of what was begun, the chunks known to be missing."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nucleizoo.blockwise.state.block_store import unreadable
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic, locked
from nucleizoo.io import LazyVolume

LOCK = "lock"
"""File that the working process keeps locked."""


def job_file(scratch: Path) -> Path:
    """The note of a job that was begun; without this file there is nothing to resume."""
    return scratch / "job.json"


def missing_file(scratch: Path) -> Path:
    """The note of missing chunks, so that only one process searches for them."""
    return scratch / "missing.npz"


@contextmanager
def held(scratch: Path) -> Iterator[None]:
    """Create a scratch folder and lock it; it is removed if no job was begun in it.

    Raises:
        RunError: when another process holds it.
        UserError: when nothing can be written there.
    """
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{scratch.parent}: cannot be written to ({error.strerror}); choose another folder with --output"
        ) from error
    with locked(scratch / LOCK):
        for gone in scratch.parent.glob(f"{glob.escape(scratch.name)}-*"):  # of one that was killed there
            shutil.rmtree(gone, ignore_errors=True)
        try:
            yield
        except BaseException:
            if scratch.exists() and not job_file(scratch).exists():
                remove(scratch)
            raise


def remove(scratch: Path) -> None:
    """Remove a scratch folder; if interrupted, what is left is a job that can be resumed, or nothing.

    The lock goes last, after the folder is renamed: until then other processes see that it is in use.
    """
    for path in scratch.iterdir():
        if path not in (job_file(scratch), scratch / LOCK):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    job_file(scratch).unlink(missing_ok=True)
    gone = scratch.with_name(f"{scratch.name}-{secrets.token_hex(4)}")
    os.replace(scratch, gone)
    shutil.rmtree(gone)


def save_missing(volume: LazyVolume, scratch: Path) -> None:
    """Note which chunks were missing when a volume was opened.

    Raises:
        OSError: when the disk is full.
    """
    with atomic(missing_file(scratch)) as part, part.open("wb") as file:
        np.savez_compressed(file, lost=np.zeros(0, bool) if volume.lost is None else volume.lost)


def load_missing(volume: LazyVolume, scratch: Path) -> None:
    """Mark the chunks that were noted as missing in a volume that is opened again.

    Raises:
        UserError: when the note cannot be read, or belongs to another volume.
    """
    path = missing_file(scratch)
    try:
        with np.load(path, allow_pickle=False) as file:
            lost = file["lost"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise unreadable(path, error) from error
    if lost.size:
        volume.lose(lost)
