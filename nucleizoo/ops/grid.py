"""An array cut into blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

Box = tuple[slice, ...]
"""A part of an array: a slice with start and stop per axis."""


@dataclass(frozen=True)
class Grid:
    """Blocks that cover an array, numbered in raster order; the last ones along an axis may be smaller.

    Attributes:
        shape: of the array.
        block: size of a block, voxels per axis, 1 or more.

    Example:
        >>> grid = Grid((5, 4), (3, 4))
        >>> len(grid), grid.box(1)
        (2, (slice(3, 5, None), slice(0, 4, None)))
    """

    shape: tuple[int, ...]
    block: tuple[int, ...]

    def __len__(self) -> int:
        return math.prod(self.counts)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Blocks along every axis."""
        return tuple(-(-n // b) for n, b in zip(self.shape, self.block, strict=True))

    def place(self, index: int) -> tuple[int, ...]:
        """The position of a block, counted in blocks."""
        at = []
        for count in reversed(self.counts):
            index, here = divmod(index, count)
            at.append(here)
        return tuple(reversed(at))

    def box(self, index: int) -> Box:
        """The voxels of a block."""
        at = zip(self.place(index), self.block, self.shape, strict=True)
        return tuple(slice(i * b, min((i + 1) * b, n)) for i, b, n in at)

    def shell(self, index: int) -> Box:
        """A block and one voxel more at its far ends, where the array continues."""
        return tuple(
            slice(c.start, min(c.stop + 1, n)) for c, n in zip(self.box(index), self.shape, strict=True)
        )

    def after(self, index: int, axis: int) -> int | None:
        """The next block along an axis; None after the last."""
        if self.place(index)[axis] + 1 == self.counts[axis]:
            return None
        return index + math.prod(self.counts[axis + 1 :])

    def grown(self, box: Box, margin: tuple[int, ...]) -> Box:
        """A box and a margin around it, within the array."""
        sides = zip(box, margin, self.shape, strict=True)
        return tuple(slice(max(c.start - m, 0), min(c.stop + m, n)) for c, m, n in sides)

    def touching(self, box: Box) -> Iterator[int]:
        """The blocks that have voxels in a box."""
        ranges = [range(c.start // b, -(-c.stop // b)) for c, b in zip(box, self.block, strict=True)]
        for at in itertools.product(*ranges):
            index = 0
            for here, count in zip(at, self.counts, strict=True):
                index = index * count + here
            yield index


def size(box: Box) -> tuple[int, ...]:
    """The lengths of a box."""
    return tuple(cut.stop - cut.start for cut in box)


def inside(box: Box, outer: Box) -> Box:
    """A box relative to the corner of another one."""
    return tuple(slice(c.start - o.start, c.stop - o.start) for c, o in zip(box, outer, strict=True))


def placed(box: Box, outer: Box) -> Box:
    """A box that was relative to the corner of another one, made absolute: undoes `inside`."""
    return tuple(slice(o.start + c.start, o.start + c.stop) for c, o in zip(box, outer, strict=True))


def common(one: Box, other: Box) -> Box:
    """The intersection of two boxes that overlap."""
    return tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
