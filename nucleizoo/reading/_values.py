"""The stored values of a file, picture by picture and part by part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.ops.grid import Box, Grid, size
from nucleizoo.volumes import LazyVolume

_READ_BYTES = 2**23
"""About how much is read at once when all of a file is gone through."""


class Values:
    """The stored values of the pictures in a file; reads again in other processes.

    Args:
        open: the file, open in this process.
        dims: axes of a picture, 2 or 3; 2 makes every plane of a volume a picture of its own.

    Attributes:
        outer: the lengths of the axes beside those of one picture.
        shape: (*S) of a picture.
        dtype: of what is read; bool becomes uint8.

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
        self.dtype = np.dtype(np.uint8) if volume.dtype.kind == "b" else volume.dtype
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

    def all(self, channel: int | None = None, *, planes: bool = False) -> Iterator[NDArray[Any]]:
        """All values once, part by part: (channels, ...), cut at the borders of chunks, or between planes.

        Raises:
            ImageReadError: as for `read`.
        """
        volume = self.open()
        value = volume.dtype.itemsize * (volume.channels if channel is None else 1)
        block = [min(c, n) for c, n in zip(self._chunks, self._space, strict=True)]
        if planes:
            block = [*(1 for _ in self._space[:-2]), *self._space[-2:]]
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
        return data.view(self.dtype) if data.dtype.kind == "b" else data
