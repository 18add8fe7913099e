"""TIFF as tifffile knows it: plain stacks, ImageJ hyperstacks, OME and LSM, read part by part."""

from __future__ import annotations

import logging
import math
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.format import storage
from nucleizoo.core.said import warn_once
from nucleizoo.io.assumptions import assume
from nucleizoo.io.chunks import Cut, Load
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.tiff_chain import check_pages
from nucleizoo.io.tiff_parts import (
    COPIES,
    by_segments,
    contiguous,
    segment_shape,
    stored_differently,
    whole_pages,
)
from nucleizoo.io.tiff_spacing import spacing_of
from nucleizoo.io.tiff_values import check_colours, check_decoder, samples_kept, tell_orientation, turn_over
from nucleizoo.io.volume import is_suspicious

SUFFIXES = (".tif", ".tiff", ".lsm")

_BROKEN_METADATA = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)
"""What tifffile raises on metadata of programs that it cannot parse."""

log = logging.getLogger(__name__)


def open_array(path: Path, dataset: str, usual: str = "image") -> LazyVolume:
    """Open the one picture, volume or stack of a TIFF file; `dataset` is for other formats.

    Planes that the metadata promise and the file lacks are `absent`.

    Args:
        path: of the file.
        dataset: for other formats.
        usual: 'image' or 'label': labels are ids, which are never turned over.

    Raises:
        ImageReadError: when it is truncated, holds more than one picture, or stores its values in a way
            that is not read.
        Exception: whatever tifffile raises on a damaged file.
    """
    with path.open("rb") as file:
        alike = check_pages(path, file)
    opened, series = _opened(path, alike)  # stays open: planes are decoded when they are needed
    page = series.keyframe
    check_decoder(path, page)
    check_colours(path, page)
    axes, page_axes = _axes_of(path, opened, series)
    mask = turn_over(path, page, usual)
    tell_orientation(path, page.tags.valueof(274, 1))
    lead = series.shape[: len(axes) - len(page_axes)]
    pages: list[Any] = []
    if series.dataoffset is None or not alike:
        pages = _pages_of(path, opened, series, math.prod(lead), alike)
        load = by_segments(series, pages, page_axes, mask)
        inner = tuple(n for n, axis in zip(segment_shape(page), page.axes, strict=True) if axis in page_axes)
    else:
        load = contiguous(path, opened, series, mask)
        inner = series.shape[len(lead) :]
    samples = len(lead) + page_axes.index("S") if "S" in page_axes else None
    chunks = (1,) * len(lead) + inner
    kept = samples_kept(page)
    if samples is not None and len(kept) < page.samplesperpixel:
        assume(str(path), "has a channel that it calls alpha (transparency), which is left out; if it is a "
                          "picture, save it again as a channel (tag ExtraSamples 0)")  # fmt: skip
    load, shape, chunks = _without_alpha(load, series.shape, chunks, kept, samples)
    lacking = [number for number, one in enumerate(pages) if one is None]

    def absent() -> tuple[int, Iterator[tuple[int, ...]]]:
        places = ((*map(int, np.unravel_index(n, lead)), *(0,) * len(inner)) for n in lacking)
        return len(lacking), places

    return LazyVolume(
        str(path), axes, shape, np.dtype(series.dtype), spacing_of(path, opened, "Z" in axes), chunks, load,
        absent, shards=(1,) * len(lead) + shape[len(lead) :] if lacking else (),
        decoding=COPIES * math.prod(chunks) * page.dtype.itemsize if pages else 0, close=opened.close,
    )  # fmt: skip


def _opened(path: Path, alike: bool) -> tuple[Any, Any]:
    """The file, and the one picture in it; without the metadata of a program that cannot be parsed.

    Args:
        path: of the file.
        alike: whether all pages are stored alike, without which tifffile may not make a stack of them.
    """
    # Other files of an OME set are not opened: each file is read by itself.
    try:
        opened = tifffile.TiffFile(path, _multifile=False)
        return opened, _only_series(path, opened)
    except RuntimeError as error:
        if alike:
            raise
        raise stored_differently(path) from error
    except _BROKEN_METADATA as error:
        plain: dict[str, Any] = dict.fromkeys((f"is_{kind}" for kind in tifffile.TIFF.FILE_FLAGS), False)
        opened = tifffile.TiffFile(path, _multifile=False, **plain)
        series = _only_series(path, opened)
        warn_once(log, f"{path}: the metadata that say what its planes are and how large cannot be parsed "
                       f"({type(error).__name__}: {error}); it is read as a plain TIFF")  # fmt: skip
        return opened, series


def _only_series(path: Path, tiff: Any) -> Any:
    """The one picture of the file besides thumbnails and transparency masks, complete."""
    full = [one for one in tiff.series if not (one.keyframe.is_reduced or one.keyframe.is_mask)]
    found = full or tiff.series
    if len(found) != 1:
        shapes = ", ".join("x".join(map(str, series.shape)) for series in found[:5]) or "none"
        raise ImageReadError(
            f"{path}: holds {len(found)} pictures or stacks ({shapes}); save the one to use as a file"
        )
    series = found[0]
    if series.transform is not None:
        raise ImageReadError(f"{path}: its numbers are coded ({series.kind}); save it as a plain TIFF")
    declared = (tiff.imagej_metadata or {}).get("images", 1)
    planes = math.prod(n for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS")
    if planes < declared:
        raise ImageReadError(f"{path}: is truncated, {planes} of {declared} planes are there; copy it again")
    if len(tiff.pages) > planes:
        _tell_surplus(path, tiff, series, planes)
    return series


def _tell_surplus(path: Path, tiff: Any, series: Any, planes: int) -> None:
    """Say in the log when there are more planes than the metadata know of."""
    rest = [tiff.pages.get(number) for number in range(planes, len(tiff.pages))]
    shape = series.keyframe.shape
    if more := sum(page.shape == shape and not (page.is_reduced or page.is_mask) for page in rest):
        warn_once(log, f"{path}: has {planes + more} planes, but its metadata know of {planes}; the others "
                       "are left out: if they are wanted, save it again")  # fmt: skip


def _axes_of(path: Path, tiff: Any, series: Any) -> tuple[str, str]:
    """The axes of the series, each letter once, and those of a page among them.

    Raises:
        ImageReadError: when pages do not make up the series.
    """
    page, shape = series.keyframe, series.shape
    for kept in (
        page.axes,
        "".join(a for a, n in zip(page.axes, page.shape, strict=True) if n > 1 or a in "YX"),
    ):
        inner = tuple(n for n, axis in zip(page.shape, page.axes, strict=True) if axis in kept)
        if shape[len(shape) - len(inner) :] == inner:
            break
    else:
        kept, inner = "", ()
    if not kept:
        raise ImageReadError(
            f"{path}: its metadata promise {'x'.join(map(str, shape))} values, but it has pages of "
            f"{'x'.join(map(str, page.shape))}; save it again"
        )
    axes = series.axes
    if (tiff.imagej_metadata or {}).get("spacing") and "Z" not in axes and "I" in axes:
        axes = axes.replace("I", "Z")  # an ImageJ stack with a distance between planes is a volume
    if "C" in axes and "S" in axes:
        raise ImageReadError(
            f"{path}: has both channels and colours; save one channel, or one colour picture"
        )
    spare = (letter for letter in string.ascii_uppercase if letter not in axes + "ZYXCST")
    return "".join(a if a not in axes[:i] else next(spare) for i, a in enumerate(axes)), kept


def _pages_of(path: Path, tiff: Any, series: Any, planes: int, alike: bool) -> list[Any]:
    """The pages of a series, None where one is missing that the metadata promise.

    Raises:
        ImageReadError: when there are not as many as `planes`, when one lies beyond the end of the file or is
            stored in another way, or when a strip or tile unpacks to far more than it is.
    """
    try:
        pages = list(series.pages)[:planes]
    except IndexError:  # the metadata promise more than there are
        pages = list(tiff.pages)
    if len(pages) != planes:
        raise ImageReadError(
            f"{path}: has {len(pages)} of the {planes} planes that its metadata promise; copy it again"
        )
    size, first = path.stat().st_size, series.keyframe
    pages = pages if alike else whole_pages(path, pages, first)
    stored, unpacked = max(first.databytecounts), math.prod(segment_shape(first)) * first.dtype.itemsize
    if is_suspicious(stored, unpacked):
        raise ImageReadError(
            f"{path}: a strip or tile of {storage(stored)} unpacks to {storage(unpacked)}; "
            "that is not done: save it again, with smaller tiles"
        )
    for number, page in enumerate(pages):
        places = () if page is None else zip(page.dataoffsets, page.databytecounts, strict=True)
        if any(offset + count > size for offset, count in places):
            raise ImageReadError(
                f"{path}: is truncated, page {number} lies beyond its end ({size} bytes); copy it again"
            )
    return pages


def _without_alpha(
    load: Load, shape: tuple[int, ...], chunks: tuple[int, ...], kept: list[int], axis: int | None
) -> tuple[Load, tuple[int, ...], tuple[int, ...]]:
    """What reads a series, its shape and chunks, with the samples on an axis that are no alpha."""
    if axis is None or len(kept) == shape[axis]:
        return load, shape, chunks

    def loaded(cut: Cut) -> NDArray[Any]:
        wanted = kept[cut[axis]]
        low = min(wanted)
        stored = load((*cut[:axis], slice(low, max(wanted) + 1), *cut[axis + 1 :]))
        return stored.take([i - low for i in wanted], axis)

    def of(lengths: tuple[int, ...]) -> tuple[int, ...]:
        return (*lengths[:axis], min(lengths[axis], len(kept)), *lengths[axis + 1 :])

    return loaded, of(shape), of(chunks)
