"""Read parts of a TIFF file: contiguous bytes, or the strips and tiles that overlap a box."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.chunks import Cut, Load


def contiguous(path: Path, tiff: Any, series: Any) -> Load:
    """Reads a series that is stored contiguously and uncompressed.

    Raises:
        ImageReadError: when the file is too short for them.
    """
    dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
    if series.dataoffset + dtype.itemsize * np.prod(series.shape, dtype=float) > path.stat().st_size:
        raise ImageReadError(
            f"{path}: is truncated: {'x'.join(map(str, series.shape))} values of {dtype} do not fit in "
            f"{path.stat().st_size} bytes; copy it again"
        )
    return lambda cut: np.array(np.memmap(path, dtype, "r", series.dataoffset, series.shape)[cut])


def by_pages(series: Any) -> tuple[tuple[int, ...], Load, int]:
    """Reads any series by its pages, or by their strips or tiles.

    Returns:
        The chunks that are decoded together, in voxels per axis; what reads a part; and how many copies of
        a chunk are in memory at most while it is decoded.
    """
    first = series.keyframe
    inner = len(first.shape)
    lead = series.shape[: len(series.shape) - inner]
    # interleaved colours, in several tiles or strips; all else is decoded by whole pages
    is_tiled = len(first.dataoffsets) > 1 and first.imagedepth == 1 and first.planarconfig == 1
    read = _tiles(series) if is_tiled else _pages(series)
    together = (*(first.chunks if is_tiled else first.shape),)

    def load(cut: Cut) -> NDArray[Any]:
        outer = [range(c.start, c.stop) for c in cut[: len(lead)]]
        data = np.zeros([len(r) for r in outer] + [c.stop - c.start for c in cut[len(lead) :]], series.dtype)
        for at in np.ndindex(*(len(r) for r in outer)):
            place = tuple(r[i] for r, i in zip(outer, at, strict=True))
            page = int(np.ravel_multi_index(place, lead)) if lead else 0
            data[at] = read(page, cut[len(lead) :])
        return data

    # as stored, decoded and put in order; for pages, also the previous one
    return (1,) * len(lead) + together, load, 3 if is_tiled else 4


def _pages(series: Any) -> Callable[[int, Cut], NDArray[Any]]:
    @lru_cache(maxsize=1)
    def page(index: int) -> NDArray[Any]:
        return np.asarray(series.pages[index].asarray())

    return lambda index, cut: page(index)[cut]


def _tiles(series: Any) -> Callable[[int, Cut], NDArray[Any]]:
    first = series.keyframe
    (height, width), across = first.chunks[:2], -(-first.shape[1] // first.chunks[1])

    def read(index: int, cut: Cut) -> NDArray[Any]:
        page, (rows, columns) = series.pages[index], cut[:2]
        data = np.zeros([c.stop - c.start for c in cut], series.dtype)
        places = itertools.product(
            range(rows.start // height, -(-rows.stop // height)),
            range(columns.start // width, -(-columns.stop // width)),
        )
        for y, x in places:
            number = y * across + x
            file = page.parent.filehandle
            file.seek(page.dataoffsets[number])
            stored = file.read(page.databytecounts[number])
            tile = first.decode(stored, number, jpegtables=first.jpegtables)[0]
            if tile is None:  # a tile of no bytes is empty
                continue
            tile = tile[0] if len(first.shape) == 3 else tile[0, ..., 0]
            ys, ys_here = _shared(rows, y * height, len(tile))
            xs, xs_here = _shared(columns, x * width, tile.shape[1])
            data[ys, xs] = tile[(ys_here, xs_here, *cut[2:])]
        return data

    return read


def _shared(wanted: slice, start: int, length: int) -> tuple[slice, slice]:
    """The overlap of a wanted range and a piece of an axis, relative to the start of each."""
    low, high = max(wanted.start, start), min(wanted.stop, start + length)
    return slice(low - wanted.start, high - wanted.start), slice(low - start, high - start)
