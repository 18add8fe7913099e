"""TIFF: plain stacks, ImageJ hyperstacks and OME, with their voxel size."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.tiff_spacing import spacing_of
from nucleizoo.io.volume import Check, Volume, from_array

_TYPE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Size of one value by the type number of a tag; 1 for those not listed."""


def read(path: Path, allowed: Check) -> Volume:
    """Read the one picture, volume or stack of a TIFF file.

    Raises:
        ImageReadError: when pages are missing or there is more than one picture.
        Exception: whatever tifffile raises on a damaged file.
    """
    with path.open("rb") as file:
        check_pages(path, file)
    # Other files of an OME set are not opened: each file is read by itself.
    with tifffile.TiffFile(path, _multifile=False) as tiff:
        series = only_series(path, tiff)
        allowed(series.shape, series.dtype)
        axes, letters = series.axes, set(series.axes)
        if (tiff.imagej_metadata or {}).get("spacing") and "Z" not in letters and "I" in letters:
            axes = axes.replace("I", "Z")  # an ImageJ stack with a distance between planes is a volume
        return from_array(_decode(path, series), axes, spacing_of(tiff, "Z" in axes))


def check_pages(path: Path, file: BinaryIO) -> None:
    """Follow the chain of pages to its end.

    Otherwise a truncated file would read as one with fewer pages, or without its metadata.
    """
    size = path.stat().st_size
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        raise ImageReadError(f"{path}: is not a TIFF file though its name says so; save it again as TIFF")

    def numbers(layout: str, at: int) -> tuple[Any, ...]:
        file.seek(at)
        return struct.unpack(order + layout, file.read(struct.calcsize(order + layout)))

    big = numbers("H", 2)[0] == 43
    count_type, entry, word = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    seen: set[int] = set()
    try:
        (page,) = numbers(word, 8 if big else 4)
        while page:
            if page in seen:
                raise ImageReadError(f"{path}: its pages form a loop; save it again")
            seen.add(page)
            (tags,) = numbers(count_type, page)
            first = page + struct.calcsize(order + count_type)
            step = struct.calcsize(order + entry)
            if first + tags * step > size:
                raise struct.error
            # all tags in one read, for stacks of thousands of pages
            values = iter(numbers(entry * tags, first))
            for _, kind, count, offset in zip(values, values, values, values, strict=True):
                length = _TYPE_BYTES.get(kind, 1) * count
                if length > struct.calcsize(word) and offset + length > size:
                    raise struct.error
            (page,) = numbers(word, first + tags * step)
    except struct.error:
        raise ImageReadError(
            f"{path}: is truncated, page {len(seen)} lies beyond its end ({size} bytes); copy it again"
        ) from None


def only_series(path: Path, tiff: Any) -> Any:
    """The one picture of the file, complete."""
    if len(tiff.series) != 1:
        shapes = ", ".join("x".join(map(str, series.shape)) for series in tiff.series[:5]) or "none"
        raise ImageReadError(
            f"{path}: holds {len(tiff.series)} pictures or stacks ({shapes}); save the one to use as a file"
        )
    series = tiff.series[0]
    declared = (tiff.imagej_metadata or {}).get("images", 1)
    planes = math.prod(n for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS")
    if planes < declared:
        raise ImageReadError(f"{path}: is truncated, {planes} of {declared} planes are there; copy it again")
    return series


def _decode(path: Path, series: Any) -> NDArray[Any]:
    """The values; compressions that tifffile needs another package for are left to Pillow."""
    try:
        return np.asarray(series.asarray())
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        with Image.open(path, formats=("TIFF",)) as picture:
            planes = np.stack([np.array(page) for page in ImageSequence.Iterator(picture)])
        if planes.size != math.prod(series.shape) or planes.dtype.itemsize != series.dtype.itemsize:
            raise ImageReadError(
                f"{path}: {error}; install it with 'pip install imagecodecs', or save the file uncompressed"
            ) from error
        return planes.reshape(series.shape)
