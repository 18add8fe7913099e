"""A volume as the network sees it, part by part."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.ops.distribution import sample_of
from nucleizoo.ops.grid import Box, Grid, size
from nucleizoo.ops.intensity import luminance
from nucleizoo.reading import Reader
from nucleizoo.volumes import LazyVolume, open_lazily

_READ_BYTES = 2**25
"""About how much is read at once to measure intensities."""


class Input:
    """Reads any part of one volume the way a run reads its files.

    Args:
        path: file or Zarr folder of one picture (2D methods) or volume (3D).
        reader: of the run.
        skip_damaged: whether chunks that are missing or damaged are taken for black.

    Raises:
        ImageReadError: when the file cannot be used; says why and what to do.
    """

    def __init__(self, path: Path, reader: Reader, *, skip_damaged: bool = False) -> None:
        self.path, self.reader = path, reader
        self.volume = open_lazily(path, dataset=reader.dataset, skip_damaged=skip_damaged)
        _check_axes(self.volume, reader)
        self.channel = _channel(self.volume, reader)
        lengths = dict(zip(self.volume.axes, self.volume.shape, strict=True))
        self.shape = tuple(lengths[axis] for axis in self.volume.space)[-reader.frame.dims :]
        known = len(self.volume.spacing) >= reader.frame.dims
        self.spacing = reader.spacing or (self.volume.spacing[-reader.frame.dims :] if known else ())
        factor = reader.magnification(self.spacing, str(path))
        if any(round(n * f) != n for n, f in zip(self.shape, factor, strict=True)):
            times = "x".join(f"{f:.3g}" for f in factor)
            raise ImageReadError(
                f"{path}: the run works on voxels of another size, {times} times as many, and by blocks "
                "nothing is resampled; resample the file first, or predict without --blocks"
            )
        self._low, self._high = self._limits()

    def picture(self, box: Box) -> NDArray[np.float32]:
        """A part (C, *size), in [-1, 1].

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        raw, scaling = self._raw(box), self.reader.scaling
        picture = np.zeros(raw.shape, np.float32)
        for at in np.ndindex(*raw.shape[:2]):  # one plane (or row) at a time, for large volumes
            place = () if self._low.ndim == 0 else (at[0], box[0].start + at[1])
            low, high = float(self._low[place]), float(self._high[place])
            if low < high:  # a plane without contrast becomes 0
                picture[at] = scaling.between(raw[at], low, high)
            picture[at] = scaling.curve(picture[at]) * 2 - 1
        return picture

    def _raw(self, box: Box) -> NDArray[Any]:
        data = self.volume.read(box if len(self.volume.space) == len(box) else (slice(0, 1), *box))
        data = data.reshape(len(data), *size(box))
        if data.dtype.kind == "b":
            data = data.view(np.uint8)
        if self.channel == "luminance":
            return np.asarray(luminance(np.moveaxis(data, 0, -1))[None])
        return data if self.channel == "all" else data[int(self.channel)][None]

    def _limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What becomes 0 and 1: of the whole volume, or of every plane of every channel."""
        scaling = self.reader.scaling
        try:
            if scaling.over == "volume" or len(self.shape) == 2:
                sample = sample_of(self._slabs, next(self._slabs()).dtype)
                if np.isfinite(sample).all() and sample.min() == sample.max():
                    raise ImageReadError(f"{self.path}: has the value {sample[0]} everywhere; remove it")
                low, high = scaling.limits(sample)
                scaling.between(sample[:2], low, high)  # refuses what is no range
                return np.array(low), np.array(high)
            planes = (plane for slab in self._slabs() for plane in np.moveaxis(slab, 1, 0))
            limits = np.array([[scaling.limits(one) for one in plane] for plane in planes])
        except ValueError as error:
            raise ImageReadError(f"{self.path}: {error}; see the key SCALING") from error
        if not np.isfinite(limits).all():
            raise ImageReadError(f"{self.path}: holds NaN or infinite values; repair or remove it")
        return limits[..., 0].T, limits[..., 1].T

    def _slabs(self) -> Iterator[NDArray[Any]]:
        """All of it, some planes (or rows) at a time."""
        row = math.prod(self.shape[1:]) * self.volume.dtype.itemsize * self.volume.channels
        grid = Grid(self.shape, (max(1, _READ_BYTES // row), *self.shape[1:]))
        return (self._raw(grid.box(index)) for index in range(len(grid)))


def _check_axes(volume: LazyVolume, reader: Reader) -> None:
    dims = reader.frame.dims
    stacks = [n for a, n in zip(volume.axes, volume.shape, strict=True) if a not in "ZYXCS" and n > 1]
    depth = "Z" in volume.axes and volume.shape[volume.axes.index("Z")] > 1
    if len(stacks) + depth != dims - 2:
        wanted = "one volume (z, y, x)" if dims == 3 else "one picture (y, x)"
        raise ImageReadError(
            f"{volume.name}: its axes are {volume.axes.lower()}, {'x'.join(map(str, volume.shape))}; by "
            f"blocks, {wanted} a file is predicted: save it so, or predict without --blocks"
        )


def _channel(volume: LazyVolume, reader: Reader) -> str:
    """The reader's choice, once it is known how many channels there are."""
    count, wanted, channel = volume.channels, reader.frame.channels, reader.channel
    if channel == "luminance" and count in (1, 3):
        return channel if count == 3 else "all"
    if channel.isdigit() and int(channel) < count:
        return channel
    if channel in ("auto", "all") and count == wanted:
        return "all"
    choices = ["'luminance'"] * (count == 3) + [f"'{i}'" for i in range(count)]
    raise ImageReadError(
        f"{volume.name}: has {count} channels, which '{channel}' does not fit; set the key CHANNEL to "
        f"{', '.join(choices)}"
    )
