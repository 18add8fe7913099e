"""Connected components block by block, numbered as in the whole array."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nucleizoo.ops.grid import Grid, size
from nucleizoo.ops.labels.components import label


@dataclass(frozen=True, eq=False)
class Pieces:
    """The connected components of one block and its shell (see `Grid.shell`), 1..n in any order.

    Attributes:
        sizes: (n + 1,) int64, voxels in the block, without the shell; 0 for the background.
        first: (n + 1,) int64, the first voxel in the block, as a raster index of the whole array; the
            number of all its voxels where there is none.
        near: per axis, the pieces on the first plane of the shell: one for each connected component of that
            plane alone, in the order of these components.
        far: per axis, those on the plane behind the block; none at the array's end.
    """

    sizes: NDArray[np.int64]
    first: NDArray[np.int64]
    near: tuple[NDArray[np.int32], ...]
    far: tuple[NDArray[np.int32], ...]

    def packed(self, name: str) -> dict[str, NDArray[Any]]:
        """All fields as named arrays, for a file."""
        planes = {f"{name}_near{axis}": ids for axis, ids in enumerate(self.near)}
        planes |= {f"{name}_far{axis}": ids for axis, ids in enumerate(self.far)}
        return {f"{name}_sizes": self.sizes, f"{name}_first": self.first, **planes}

    @classmethod
    def unpacked(cls, name: str, arrays: Mapping[str, NDArray[Any]], axes: int) -> Pieces:
        """Restore from the arrays of `packed`."""
        near, far = (
            tuple(arrays[f"{name}_{side}{axis}"] for axis in range(axes)) for side in ("near", "far")
        )
        return cls(arrays[f"{name}_sizes"], arrays[f"{name}_first"], near, far)


def pieces(
    mask: NDArray[np.bool_], grid: Grid, index: int, *, full: bool = False
) -> tuple[NDArray[np.int32], Pieces]:
    """Find the connected components of one block.

    Args:
        mask: the shell of the block.
        grid: the blocks of the whole array.
        index: of the block.
        full: whether voxels that share only a corner or an edge are connected.

    Returns:
        The labels of the pieces on the shell, 0 = not in the mask; and their sizes and neighbours.
    """
    found, box = label(mask, full=full), grid.box(index)
    core = found[tuple(slice(0, n) for n in size(box))]
    count = int(found.max(initial=0)) + 1
    sizes = np.bincount(core.ravel(), minlength=count).astype(np.int64)
    sizes[0] = 0
    where = np.flatnonzero(core)
    here = np.full(count, -1)
    here[core.ravel()[where[::-1]]] = where[::-1]  # the last write wins: that of the earliest voxel
    first = np.full(count, np.prod(grid.shape, dtype=np.int64))
    first[here >= 0] = raster(here[here >= 0], grid, index)
    near = tuple(_met(found, axis, 0, full) for axis in range(found.ndim))
    far = tuple(_met(found, axis, length, full) for axis, length in enumerate(core.shape))
    return found, Pieces(sizes, first, near, far)


def _met(found: NDArray[np.int32], axis: int, at: int, full: bool) -> NDArray[np.int32]:
    """The piece of each connected component of one plane; none if there is no such plane.

    The block on the other side of the plane finds the same components in the same order, and each belongs to
    one piece there too: a few numbers suffice instead of one per voxel.
    """
    if at >= found.shape[axis]:
        return np.zeros(0, np.int32)
    plane: NDArray[np.int32] = found[(slice(None),) * axis + (at,)]
    parts = label(np.asarray(plane > 0), full=full).ravel()
    where = np.flatnonzero(parts)[::-1]
    first = np.zeros(parts.max(initial=0) + 1, np.intp)
    first[parts[where]] = where  # the last write wins: that of the earliest voxel
    return np.asarray(plane.ravel()[first[1:]])


def raster(where: NDArray[np.integer], grid: Grid, index: int) -> NDArray[np.int64]:
    """Flat indices into a block -> flat indices into the whole array."""
    box = grid.box(index)
    here = np.unravel_index(where, size(box))
    there = [axis + cut.start for axis, cut in zip(here, box, strict=True)]
    return np.asarray(np.ravel_multi_index(there, grid.shape), np.int64)


@dataclass(frozen=True, eq=False)
class Joined:
    """The connected components of the whole array, 1..n by first voxel in raster order.

    Attributes:
        sizes: (n + 1,) int64, voxels; 0 for the background.
        first: (n + 1,) int64, raster index of the first voxel; for the background, the number of all voxels.
        numbers: the component of each piece, one block after the other.
        starts: where the pieces of a block begin in `numbers`; one more for the end.
    """

    sizes: NDArray[np.int64]
    first: NDArray[np.int64]
    numbers: NDArray[np.int32]
    starts: NDArray[np.int64]

    def packed(self, name: str) -> dict[str, NDArray[Any]]:
        """All fields as named arrays, for files."""
        return {f"{name}_{field}": getattr(self, field) for field in ("sizes", "first", "numbers", "starts")}

    @classmethod
    def unpacked(cls, name: str, table: Callable[[str], NDArray[Any]]) -> Joined:
        """Restore from the arrays of `packed`, by name."""
        return cls(*(table(f"{name}_{field}") for field in ("sizes", "first", "numbers", "starts")))

    def table(self, index: int) -> NDArray[np.int32]:
        """The table from pieces of a block to components; 0 stays 0."""
        own = self.numbers[self.starts[index] : self.starts[index + 1]]
        return np.concatenate([np.zeros(1, np.int32), own])


def join(grid: Grid, blocks: Iterable[Pieces]) -> Joined:
    """Merge the pieces of one component: those that share a voxel of a shell.

    Two voxels that touch, over a face or a corner, are together in the shell of at least one block, and a
    voxel of a shell is in the near plane of a block behind it; so exactly what is connected in the whole
    array is merged.

    Args:
        grid: the blocks of the whole array.
        blocks: the pieces of each block in order; read once.
    """
    starts, sizes, firsts, pairs = [0], [], [], []
    waiting: dict[tuple[int, int], NDArray[np.int64]] = {}
    for index, block in enumerate(blocks):
        offset = starts[-1] - 1
        for axis, near in enumerate(block.near):
            if (far := waiting.pop((index, axis), None)) is not None and far.size:
                pairs.append(np.stack([far, near + np.int64(offset)]))
            if (behind := grid.after(index, axis)) is not None:
                waiting[behind, axis] = block.far[axis] + np.int64(offset)
        sizes.append(block.sizes[1:])
        firsts.append(block.first[1:])
        starts.append(starts[-1] + len(block.sizes) - 1)
    links = np.concatenate([np.zeros((2, 0), np.int64), *pairs], axis=1)
    graph = coo_array((np.ones(links.shape[1], bool), tuple(links)), (starts[-1],) * 2)
    count, group = connected_components(graph, directed=False) if starts[-1] else (0, np.zeros(0, int))
    size = np.zeros(count + 1, np.int64)
    np.add.at(size, group + 1, np.concatenate([np.zeros(0, np.int64), *sizes]))
    first = np.full(count + 1, np.prod(grid.shape, dtype=np.int64))
    np.minimum.at(first, group + 1, np.concatenate([np.zeros(0, np.int64), *firsts]))
    order = np.argsort(first[1:], kind="stable") + 1
    numbers = np.empty(count, np.int32)
    numbers[order - 1] = np.arange(1, count + 1)
    ordered = np.concatenate([[0], order])
    return Joined(size[ordered], first[ordered], numbers[group], np.array(starts))
