"""A file as the network sees it, part by part: what is wanted of it is read, and no more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.ops.distribution import sample_of
from nucleizoo.ops.grid import Box, Grid, size
from nucleizoo.ops.intensity import luminance
from nucleizoo.reading._reader import Reader
from nucleizoo.volumes import LazyVolume

_READ_BYTES = 2**25
"""About how much is read at once when all of a file is gone through."""

_ROWS = 2**18
"""Voxels that are scaled at once."""


class Values:
    """The stored values of the pictures in a file; reads again in other processes.

    Args:
        open: the file, open in this process.
        dims: axes of a picture, 2 or 3; 2 makes every plane of a volume a picture of its own.

    Attributes:
        outer: the lengths of the axes beside those of one picture.
        shape: (*S) of a picture.

    Raises:
        ImageReadError: when there is no picture of so many axes in it.
    """

    def __init__(self, open: Callable[[], LazyVolume], dims: int) -> None:
        volume, self.open = open(), open
        self.name = volume.name
        lengths = dict(zip(volume.axes, volume.shape, strict=True))
        space = tuple(lengths[axis] for axis in volume.space)
        if len(space) < dims or ("Z" not in volume.axes and volume.stacks):
            wanted = "volumes (z, y, x)" if dims == 3 else "pictures (y, x)"
            raise ImageReadError(
                f"{volume.name}: its axes are {volume.axes.lower()}, {'x'.join(map(str, volume.shape))}, and "
                f"{wanted} are wanted; give other files, or a DATASET.SIZE of {5 - dims} values"
            )
        self._stacks = len(volume.stacks)
        self.outer = (*volume.stacks.values(), *space[:-dims])
        self.shape = space[-dims:]
        self._stored = (volume.shape, volume.dtype)
        self._space, self._chunks = space, [volume.chunks[volume.axes.index(axis)] for axis in volume.space]

    def read(self, at: tuple[int, ...], box: Box, channel: int | None = None) -> NDArray[Any]:
        """A part of one picture: (channels, *size).

        Args:
            at: which picture, a place on every axis of `outer`.
            box: of the picture.
            channel: the only one to read; None reads all.

        Raises:
            ImageReadError: when a chunk of it cannot be read, or the file has changed.
        """
        stack, depth = at[: self._stacks], at[self._stacks :]
        data = self._read((*(slice(i, i + 1) for i in depth), *box), stack, channel)
        return data.reshape(len(data), *size(box))

    def places(self) -> Iterator[tuple[int, ...]]:
        """Where the pictures are."""
        return iter(np.ndindex(*self.outer))

    def all(self, channel: int | None = None) -> Iterator[NDArray[Any]]:
        """All values once, part by part: (channels, ...), cut at the borders of chunks.

        Raises:
            ImageReadError: as for `read`.
        """
        volume = self.open()
        value = volume.dtype.itemsize * (volume.channels if channel is None else 1)
        block = [min(c, n) for c, n in zip(self._chunks, self._space, strict=True)]
        for axis in reversed(range(len(block))):
            room = _READ_BYTES // (value * math.prod(block))
            block[axis] = min(self._space[axis], block[axis] * max(1, room))
        grid = Grid(self._space, tuple(block))
        for stack in np.ndindex(*self.outer[: self._stacks]):
            for index in range(len(grid)):
                yield self._read(grid.box(index), stack, channel)

    def _read(self, box: Box, stack: tuple[int, ...], channel: int | None) -> NDArray[Any]:
        volume = self.open()
        if (volume.shape, volume.dtype) != self._stored:
            raise ImageReadError(f"{self.name}: is another one than at the start; begin again")
        data = volume.read(box, stack, channel)
        return data.view(np.uint8) if data.dtype.kind == "b" else data


class Parts:
    """The pictures of a file in [-1, 1], on its own voxels; intensities are scaled as of the whole.

    Args:
        values: of the file.
        reader: of the experiment.

    Raises:
        ImageReadError: when its channels or intensities are none that can be used, or a part of it cannot
            be read: all of it is gone through once.
    """

    def __init__(self, values: Values, reader: Reader) -> None:
        self.values, self.scaling = values, reader.scaling
        self._grey, self._channel = _channel(values.open(), reader)
        self._low, self._high = self._limits()

    def picture(self, at: tuple[int, ...], box: Box) -> NDArray[np.float32]:
        """A part of a picture: (C, *size) in [-1, 1].

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        return self.curved(self.straight(at, box))

    def straight(self, at: tuple[int, ...], box: Box) -> NDArray[np.float32]:
        """A part of a picture: (C, *size) in [0, 1], before the curve of the scaling."""
        raw = self._chosen(self.values.read(at, box, self._channel))
        made = np.zeros(raw.shape, np.float32)
        rows = max(1, _ROWS // raw.shape[-1])
        for channel, *depth in np.ndindex(*raw.shape[:-2]):
            plane = (channel, *at, *(box[0].start + z for z in depth)) if self._low.ndim else ()
            low, high = float(self._low[plane]), float(self._high[plane])
            if low >= high:
                continue  # a plane without contrast becomes 0
            for y in range(0, raw.shape[-2], rows):
                part = (channel, *depth, slice(y, y + rows))
                made[part] = self.scaling.between(raw[part], low, high)
        return made

    def curved(self, straight: NDArray[np.float32]) -> NDArray[np.float32]:
        """[0, 1] to [-1, 1] along the curve of the scaling, where it lies."""
        rows = straight.reshape(-1, straight.shape[-1])
        step = max(1, _ROWS // rows.shape[-1])
        for y in range(0, len(rows), step):
            rows[y : y + step] = self.scaling.curve(rows[y : y + step]) * 2 - 1
        return straight

    def _chosen(self, data: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(luminance(np.moveaxis(data, 0, -1))[None]) if self._grey else data

    def _limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What becomes 0 and 1: of the whole file, or (channels, *outer, depth) of every plane."""
        try:
            if self.scaling.over == "image":
                return self._of_planes()
            sample = sample_of(self._all, self.values.open().dtype)
            if np.isfinite(sample).all() and sample.min() == sample.max():
                raise ImageReadError(f"{self.values.name}: has the value {sample[0]} everywhere; remove it")
            low, high = self.scaling.limits(sample)
            self.scaling.between(sample[:2], low, high)  # refuses what is no range
        except ValueError as error:
            raise ImageReadError(f"{self.values.name}: {error}; see the key SCALING") from error
        return np.array(low), np.array(high)

    def _of_planes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        whole, depth = [slice(0, n) for n in self.values.shape[-2:]], self.values.shape[:-2]
        found = []
        for at in np.ndindex(*self.values.outer, *depth):
            place = at[: len(self.values.outer)]
            box = (*(slice(z, z + 1) for z in at[len(place) :]), *whole)
            planes = self._chosen(self.values.read(place, box, self._channel))
            found.append([self._of_plane(plane) for plane in planes])
        limits = np.array(found, np.float64)
        if not np.isfinite(limits).all():
            raise ImageReadError(f"{self.values.name}: holds NaN or infinite values; repair or remove it")
        limits = np.moveaxis(limits, 0, 1).reshape(-1, *self.values.outer, *depth, 2)
        return limits[..., 0], limits[..., 1]

    def _of_plane(self, plane: NDArray[Any]) -> tuple[float, float]:
        low, high = float(plane.min()), float(plane.max())
        return self.scaling.limits(plane) if low != high else (low, high)

    def _all(self) -> Iterator[NDArray[Any]]:
        return map(self._chosen, self.values.all(self._channel))


def _channel(volume: LazyVolume, reader: Reader) -> tuple[bool, int | None]:
    """Whether colours become grey, and the only channel to read, once it is known how many there are."""
    count, wanted, channel = volume.channels, reader.frame.channels, reader.channel
    if channel == "luminance" and count in (1, 3):
        return count == 3, None
    if channel.isdigit() and int(channel) < count:
        return False, int(channel)
    if channel in ("auto", "all") and count == wanted:
        return False, None
    choices = ["'luminance'"] * (count == 3) + [f"'{i}'" for i in range(count)]
    raise ImageReadError(
        f"{volume.name}: has {count} channels, which '{channel}' does not fit; set the key CHANNEL to "
        f"{', '.join(choices)}"
    )
