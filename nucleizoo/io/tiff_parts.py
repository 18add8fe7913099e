"""Read parts of a TIFF series: contiguous bytes, or the strips and tiles that overlap a box."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.chunks import Cut, Load, seen_from
from nucleizoo.io.tiff_values import check_decoder, turned_over

COPIES = 4
"""Copies of a segment in memory at most: as stored, decoded, put in order, and the previous one."""


def contiguous(path: Path, tiff: Any, series: Any, mask: int | None) -> Load:
    """Reads a series that is stored contiguously and uncompressed; `mask` is for `turned_over`.

    Raises:
        ImageReadError: when the file is too short for it.
    """
    dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
    if series.dataoffset + dtype.itemsize * math.prod(series.shape) > path.stat().st_size:
        raise ImageReadError(
            f"{path}: is truncated: {'x'.join(map(str, series.shape))} values of {dtype} do not fit in "
            f"{path.stat().st_size} bytes; copy it again"
        )

    def load(cut: Cut) -> NDArray[Any]:
        stored = np.memmap(path, dtype, "r", series.dataoffset, series.shape)[cut]
        return turned_over(np.array(stored, series.dtype), mask)

    return load


def segment_shape(page: Any) -> tuple[int, ...]:
    """What is stored together, a tile or a strip, along the axes of a page."""
    height = page.tilelength if page.is_tiled else page.rowsperstrip
    width = page.tilewidth if page.is_tiled else page.imagewidth
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    lengths = {"Z": max(page.tiledepth, 1), "Y": height, "X": width, "S": samples}
    return tuple(lengths[axis] for axis in page.axes)


def by_segments(series: Any, pages: Sequence[Any], page_axes: str, mask: int | None) -> Load:
    """Reads any series by the tiles or strips of its pages; what is not stored is 0.

    Args:
        series: of tifffile, whose last axes are those of its pages.
        pages: of the series, None where one is missing.
        page_axes: the axes of a page that the series has; its others have length 1.
        mask: for `turned_over`, which is not done to what is not stored.
    """
    first = series.keyframe
    lead = series.shape[: len(series.shape) - len(page_axes)]
    inner = [axis in page_axes for axis in first.axes]

    def load(cut: Cut) -> NDArray[Any]:
        outer, rest = cut[: len(lead)], iter(cut[len(lead) :])
        box = tuple(next(rest) if is_there else slice(0, 1) for is_there in inner)
        data = np.zeros([c.stop - c.start for c in cut], series.dtype)
        for at in np.ndindex(data.shape[: len(lead)]):
            place = tuple(c.start + i for c, i in zip(outer, at, strict=True))
            page = int(np.ravel_multi_index(place, lead)) if lead else 0
            data[at] = read(page, box).reshape(data.shape[len(lead) :])
        return data

    read = _Pages(pages, first, mask).read
    return load


def whole_pages(path: Path, pages: Sequence[Any], first: Any) -> list[Any]:
    """Pages with tags of their own, where tifffile takes those of the first for all.

    Args:
        path: of the file.
        pages: None where one is missing.
        first: the page whose shape, tiles or strips and colours the others must have; compression, predictor
            and order of bits may differ.

    Raises:
        ImageReadError: when one differs.
    """
    whole = [one.aspage() if isinstance(one, tifffile.TiffFrame) else one for one in pages]

    def layout(page: Any) -> tuple[Any, ...]:
        return page.shape, page.dtype, page.axes, page.photometric, page.planarconfig, segment_shape(page)

    if any(one is not None and layout(one) != layout(first) for one in whole):
        raise stored_differently(path)
    for one in filter(None, whole):
        check_decoder(path, one)
    return whole


def stored_differently(path: Path) -> ImageReadError:
    """The error for a stack whose planes differ in more than their compression."""
    return ImageReadError(
        f"{path}: its planes are stored in different ways (shape, type, strips or tiles, or meaning of the "
        "values), so that they are no one stack; save it again as one"
    )


class _Pages:
    """The pages of a series, decoded by segments; the last one decoded is kept."""

    def __init__(self, pages: Sequence[Any], first: Any, mask: int | None) -> None:
        self.pages, self.first, self.mask = pages, first, mask
        self.chunk = segment_shape(self.first)
        self.grid = tuple(-(-n // c) for n, c in zip(self.first.shape, self.chunk, strict=True))
        self.segment = lru_cache(maxsize=1)(self._decoded)

    def read(self, page: int, box: Cut) -> NDArray[Any]:
        """A part of a page, along all of its axes."""
        data = np.zeros([c.stop - c.start for c in box], self.first.dtype)
        for place in itertools.product(
            *(range(c.start // n, -(-c.stop // n)) for c, n in zip(box, self.chunk, strict=True))
        ):
            segment = self.segment(page, int(np.ravel_multi_index(place, self.grid)))
            if segment is None:
                continue
            starts = [i * n for i, n in zip(place, self.chunk, strict=True)]
            ends = [min(s + n, s + m) for s, n, m in zip(starts, self.chunk, segment.shape, strict=True)]
            shared = tuple(
                slice(max(c.start, s), min(c.stop, e)) for c, s, e in zip(box, starts, ends, strict=True)
            )
            here = tuple(slice(c.start - s, c.stop - s) for c, s in zip(shared, starts, strict=True))
            data[seen_from(box, shared)] = segment[here]
        return data

    def _decoded(self, number: int, index: int) -> NDArray[Any] | None:
        """A tile or strip along the axes of the page; None where nothing is stored."""
        page = self.pages[number]
        if page is None or not (page.dataoffsets[index] and page.databytecounts[index]):
            return None
        file = page.parent.filehandle
        file.seek(page.dataoffsets[index])
        stored = file.read(page.databytecounts[index])
        tables = page.jpegtables or self.first.jpegtables
        own: Any = page if isinstance(page, tifffile.TiffPage) else self.first
        found = own.decode(stored, index, jpegtables=tables, jpegheader=own.jpegheader)[0]
        # tifffile gives (depth, length, width, samples)
        order = "SZYX" if self.first.planarconfig == 2 else "ZYXS"
        found = np.moveaxis(found, -1, 0) if self.first.planarconfig == 2 else found
        found = found[tuple(slice(None) if axis in self.first.axes else 0 for axis in order)]
        return turned_over(found, self.mask)
