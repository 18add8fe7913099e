"""Which chunks of a volume are not there, as whoever began the work found it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic
from nucleizoo.io import LazyVolume


def place(scratch: Path) -> Path:
    """Where it is noted, so that nobody looks for all chunks again."""
    return scratch / "missing.npz"


def keep(volume: LazyVolume, scratch: Path) -> None:
    """Note what was found when a volume was opened.

    Raises:
        OSError: when the disk is full.
    """
    with atomic(place(scratch)) as part, part.open("wb") as file:
        np.savez_compressed(file, lost=np.zeros(0, bool) if volume.lost is None else volume.lost)


def recall(volume: LazyVolume, scratch: Path) -> None:
    """Take what was noted for a volume that is opened again.

    Raises:
        UserError: when it cannot be read, or is of another volume.
    """
    try:
        with np.load(place(scratch), allow_pickle=False) as file:
            lost = file["lost"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{place(scratch)}: cannot be read ({error}); remove it and go on") from error
    if lost.size:
        volume.lose(lost)
