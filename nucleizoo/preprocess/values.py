"""Read the values of a file in the channels used, picture by picture and part by part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import LazyVolume
from nucleizoo.ops.grid import Box, Grid, placed, size
from nucleizoo.preprocess.layout import Choice, check_finite, choose
from nucleizoo.preprocess.reader import Reader
from nucleizoo.preprocess.slabs import planes_of

_READ_BYTES = 2**23
"""Approximate bytes read at once in a pass over a whole file."""

_PLANES = 3
"""Copies of a plane in memory while its percentiles are found."""

_SLAB_BYTES = 2**26
"""Planes that share chunks are read together up to this size, and through a temporary file above it."""


class Values:
    """The values of the pictures in a file, in the channels used; other processes open the file again.

    Args:
        open: gives the file, open in this process.
        dims: axes of a picture, 2 or 3; 2 makes every plane of a volume a picture of its own.
        reader: of the experiment, which chooses the channel and may turn colour to grey; None uses all.

    Attributes:
        outer: the lengths of the axes besides those of one picture.
        shape: (*S) of a picture.
        dtype: of what is read; bool becomes uint8.

    Raises:
        ImageReadError: when it has no picture with that many axes, or not the channels asked for.
    """

    def __init__(self, open: Callable[[], LazyVolume], dims: int, reader: Reader | None = None) -> None:
        volume, self.open = open(), open
        self.name = volume.name
        lengths = dict(zip(volume.axes, volume.shape, strict=True))
        space = tuple(lengths[axis] for axis in volume.space)
        if len(space) < dims or ("Z" not in volume.axes and volume.stacks):
            wanted = "volumes (z, y, x)" if dims == 3 else "pictures (y, x)"
            raise ImageReadError(
                f"{volume.name}: its axes are {volume.axes.lower()}, {'x'.join(map(str, volume.shape))}, but "
                f"{wanted} are needed; give other files, or a DATASET.SIZE of {5 - dims} values"
            )
        self._stacks = len(volume.stacks)
        self.outer = (*volume.stacks.values(), *space[:-dims])
        self.shape = space[-dims:]
        self.dtype = np.dtype(np.uint8) if volume.dtype.kind == "b" else volume.dtype
        self._stored = (volume.shape, volume.dtype)
        self._space, self._chunks = space, [volume.chunks[volume.axes.index(axis)] for axis in volume.space]
        self._choice = Choice()
        if reader:
            self._choice = choose(volume.name, volume.channels, reader.channel, reader.spec.channels)

    def read(self, at: tuple[int, ...], box: Box) -> NDArray[Any]:
        """A part of one picture: (channels, *size).

        Args:
            at: which picture, an index on every axis of `outer`.
            box: of the picture.

        Raises:
            ImageReadError: when a chunk of it cannot be read, the file has changed, or it is in colour and
                'auto' asks for grey.
        """
        stack, depth = at[: self._stacks], at[self._stacks :]
        data = self._read((*(slice(i, i + 1) for i in depth), *box), stack)
        return self._choice.of(data.reshape(len(data), *size(box)))

    def at_once(self, *, planes: bool) -> int:
        """Bytes that `all` or `planes` hold in memory at most, in all channels, besides decoding a chunk."""
        volume = self.open()
        voxel = volume.dtype.itemsize * volume.channels
        block = math.prod(self._grown(self._whole_chunks, voxel)) * voxel
        if not volume.dtype.isnative:
            block *= 2  # as stored, and as read
        if self.dtype.kind == "f":
            block += block // self.dtype.itemsize  # flags of finite values
        if not planes:
            return block
        plane = math.prod(self._space[-2:]) * voxel
        return min(math.prod(self._whole_chunks[:-2]) * plane, max(block, _SLAB_BYTES)) + _PLANES * plane

    def places(self) -> Iterator[tuple[int, ...]]:
        """The positions of the pictures."""
        return iter(np.ndindex(*self.outer))

    def boxes(self, room: float, *, planes: bool = False) -> Grid:
        """All values cut at the borders of chunks, over the axes (*outer, *shape).

        Args:
            room: approximate bytes of a box; more where a chunk has more.
            planes: boxes hold whole planes.
        """
        block = self._slab if planes else self._whole_chunks
        return Grid((*self.outer, *self.shape), self._grown(block, self._voxel, room))

    def all(self, box: Box | None = None) -> Iterator[NDArray[Any]]:
        """All values once, part by part: (channels, ...), cut at the borders of chunks.

        Args:
            box: one of `boxes`; None is all of them.

        Raises:
            ImageReadError: as for `read`, and for NaN and infinite values.
        """
        for part in self._cut(box, self._grown(self._whole_chunks, self._voxel)):
            yield from map(self._choice.of, _pieces(self._part(part)))

    def planes(self, box: Box | None = None) -> Iterator[NDArray[Any]]:
        """All planes once, in order: (channels, y, x). No chunk is read twice, however many planes it spans.

        Args:
            box: one of `boxes` that hold whole planes; None is all of them.

        Raises:
            ImageReadError: as for `read`, and for NaN and infinite values.
            UserError: when the planes of a row of chunks need a temporary file that cannot be written.
        """
        slab = self._slab
        together = math.prod(slab[:-2]) == 1 or self._voxel * math.prod(slab) <= _SLAB_BYTES
        planes = self._together if together else self._apart
        for part in self._cut(box, self._grown(slab, self._voxel)):
            yield from map(self._choice.of, planes(part))

    def _together(self, slab: Box) -> Iterator[NDArray[Any]]:
        """The planes of a slab that is read at once."""
        data = self._part(slab)
        return iter(np.moveaxis(data.reshape(len(data), -1, *data.shape[-2:]), 1, 0))

    def _apart(self, slab: Box) -> Iterator[NDArray[Any]]:
        """The planes of a slab that is not read at once."""
        block = self._grown([*size(slab)[:-2], *self._whole_chunks[-2:]], self._voxel)
        channels, (depth, y, x) = self._voxel // self.dtype.itemsize, size(slab)[-3:]
        grid = Grid((y, x), block[-2:])
        blocks = ((box, self._part((*slab[:-2], *box))) for box in map(grid.box, range(len(grid))))
        return planes_of(blocks, (channels, depth, y, x), self.dtype.newbyteorder("="))

    def _cut(self, box: Box | None, block: tuple[int, ...]) -> Iterator[Box]:
        """A part, or all, cut into blocks."""
        whole = box or tuple(slice(0, n) for n in (*self.outer, *self.shape))
        grid = Grid(size(whole), block)
        return (placed(grid.box(index), whole) for index in range(len(grid)))

    def _part(self, box: Box) -> NDArray[Any]:
        """Read a box over all axes, at one index on the stacked ones; refuses NaN and infinite values."""
        start, volume = tuple(cut.start for cut in box), self.open()
        data = self._read(box[self._stacks :], start[: self._stacks])
        axes = "".join(volume.stacks) + volume.space
        check_finite(data.reshape(len(data), *size(box)), axes, self.name, start)
        return data

    @property
    def _whole_chunks(self) -> list[int]:
        chunks = (min(c, n) for c, n in zip(self._chunks, self._space, strict=True))
        return [*(1 for _ in range(self._stacks)), *chunks]

    @property
    def _slab(self) -> list[int]:
        return [*self._whole_chunks[:-2], *self._space[-2:]]

    def _grown(self, block: list[int], voxel: int, most: float = 0) -> tuple[int, ...]:
        """As many blocks in a row as fit into `most` bytes, at `voxel` bytes each; within one stack."""
        grown = [*block]
        for axis in reversed(range(self._stacks, len(grown))):
            room = int((most or _READ_BYTES) // (voxel * math.prod(grown)))
            grown[axis] = min(self._space[axis - self._stacks], grown[axis] * max(1, room))
        return tuple(grown)

    @property
    def _voxel(self) -> int:
        """Bytes that are read per voxel."""
        return self.dtype.itemsize * (self.open().channels if self._choice.index is None else 1)

    def _read(self, box: Box, stack: tuple[int, ...]) -> NDArray[Any]:
        volume = self.open()
        if (volume.shape, volume.dtype) != self._stored:
            raise ImageReadError(f"{self.name}: has changed since the start; start again")
        data = volume.read(box, stack, self._choice.index)
        return data.view(self.dtype) if data.dtype.kind == "b" else data


def _pieces(data: NDArray[Any], axis: int = 1) -> Iterator[NDArray[Any]]:
    """Split a large chunk (channels, ...), since processing its pieces takes memory, too."""
    before, length = (slice(None),) * axis, data.shape[axis]
    step = length * _READ_BYTES // max(data.nbytes, 1)
    if step or axis == data.ndim - 1:
        step = max(1, step)
        yield from (data[(*before, slice(start, start + step))] for start in range(0, length, step))
    else:
        for start in range(length):
            yield from _pieces(data[(*before, slice(start, start + 1))], axis + 1)
