"""NumPy files, which say no more than shape and type."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.format import plural
from nucleizoo.core.said import warn_once
from nucleizoo.io.axes import axes_of
from nucleizoo.io.chunks import Cut
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.volume import planes_of

log = logging.getLogger(__name__)


def open_array(path: Path, dataset: str = "", usual: str = "") -> LazyVolume:
    """Open the array of a file; it has one, whatever `dataset` and `usual`.

    Raises:
        ImageReadError: for Python objects, which only their program can read.
        Exception: whatever NumPy raises on a damaged file.
    """
    _check_objects(path)
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    axes, shape, dtype = axes_of(str(path), (), mapped.shape), mapped.shape, mapped.dtype
    if (rest := path.stat().st_size - mapped.offset - mapped.nbytes) > 0:
        warn_once(log, f"{path}: has {plural(rest, 'byte')} behind its array, as of arrays saved one after "
                       "another; the first is read: save each as a file of its own")  # fmt: skip
    del mapped

    def load(cut: Cut) -> Any:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False)[cut])

    return LazyVolume(str(path), axes, shape, dtype, (), planes_of(axes, shape), load)


def _check_objects(path: Path) -> None:
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        dtype = read_header[version](file)[2] if version in read_header else None
    if dtype is not None and dtype.hasobject:
        raise ImageReadError(
            f"{path}: holds Python objects (type '{dtype}'), as Cellpose's _seg.npy does, and no picture; "
            "move it to another folder, or save its masks as TIFF"
        )
