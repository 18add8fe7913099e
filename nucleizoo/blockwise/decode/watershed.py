"""Marker watershed block by block: each voxel gets the seed that it gets in the whole volume.

Components of the foreground do not touch, so each is decided independently: one with a single seed belongs
to that seed, and one without a seed to none. Only contested components, with several seeds, are flooded,
within a block and its margin. Fronts that could enter from outside the margin start at its rim as strangers,
no later than they could arrive (`ops.labels.watershed`); voxels that they do not reach get the same label as
in the whole volume. Voxels of the block that strangers reach are flooded again with twice the margin, until
there are none: at the latest when the margin covers the whole volume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.blockwise.decode.components import CONTESTED, Components
from nucleizoo.blockwise.decode.landscape import LandscapeReader
from nucleizoo.blockwise.plan.budget import Budget
from nucleizoo.blockwise.state.block_store import BlockStep, BlockStore
from nucleizoo.blockwise.state.rle import lengths, to_runs
from nucleizoo.ops.grid import Box, inside, size
from nucleizoo.ops.labels.block_components import raster
from nucleizoo.ops.labels.watershed import STRANGER, flood, to_levels


class Watershed(BlockStep):
    """The step that floods a landscape from its seeds; the basins are objects.

    Args:
        store: for the labels of blocks.
        components: of the landscape, on the same blocks.
        landscape: to flood.
        margin: initial margin around a block, voxels per axis.
        budget: of memory.
    """

    def __init__(
        self, store: BlockStore, components: Components, landscape: LandscapeReader,
        margin: tuple[int, ...], budget: Budget,
    ) -> None:  # fmt: skip
        self.store, self.components, self.landscape = store, components, landscape
        self.margin, self.budget = tuple(max(m, 1) for m in margin), budget

    def do(self, index: int) -> None:
        """Flood one block.

        Raises:
            UserError: when seeds are so far apart that the margin needs more memory than the budget has.
        """
        box = self.store.grid.box(index)
        labels = self._owner(box)
        labels = self._resolve(labels, box, labels == CONTESTED, self.margin)
        starts, values = to_runs(labels)
        ids, first, runs = np.unique(values, return_index=True, return_inverse=True)
        sizes = np.bincount(runs, lengths(starts, labels.size)).astype(np.int64)
        known: dict[str, NDArray[Any]] = {"ids": ids, "sizes": sizes}
        known["first"] = raster(starts[first], self.store.grid, index)
        self.store.write(index, known, {"labels": labels})

    def join(self) -> None:
        """Measure the objects of the whole volume."""
        if self.store.is_joined:
            return
        owner, chosen = self.components.table("owner"), self.components.table("chosen")
        count = max(len(chosen), int(owner.max(initial=0)) + 1)
        sizes = np.zeros(count, np.int64)
        first = np.full(count, np.prod(self.store.grid.shape, dtype=np.int64))
        for index in range(len(self)):
            with self.store.read(index) as file:
                ids = file["ids"]
                sizes[ids] += file["sizes"]
                first[ids] = np.minimum(first[ids], file["first"])
        sizes[0] = 0
        self.store.keep({"sizes": sizes, "first": first})

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels, (n + 1,); 0 for unused numbers."""
        return self.store.table("sizes")

    @property
    def first(self) -> NDArray[np.int64]:
        """Raster index of the first voxel, (n + 1,)."""
        return self.store.table("first")

    def read(self, box: Box) -> NDArray[np.int32]:
        """The labels of a part of the volume."""
        return self.store.labels("labels", box)

    def _owner(self, box: Box) -> NDArray[np.int32]:
        """The owners of the components in a part of the volume."""
        owner: NDArray[np.int32] = self.components.table("owner")
        return owner[self.components.foreground.read(box)]

    def _resolve(
        self, labels: NDArray[np.int32], box: Box, open_: NDArray[np.bool_], margin: tuple[int, ...]
    ) -> NDArray[np.int32]:
        """The labels of a box, with open voxels resolved by flooding."""
        if open_.any():
            (there,) = ndimage.find_objects(open_.view(np.uint8))
            part = tuple(slice(o.start + t.start, o.start + t.stop) for o, t in zip(box, there, strict=True))
            np.copyto(labels[there], self._flood(part, margin), where=open_[there])
        return labels

    def _flood(self, box: Box, margin: tuple[int, ...]) -> NDArray[np.int32]:
        grid = self.store.grid
        wide = grid.grown(box, margin)
        self.budget.check(box, wide, "seeds are so far apart that")
        contested = self._owner(wide) == CONTESTED
        numbers = self.components.seeds.read(wide)
        seeds = np.where(self.components.table("chosen")[numbers], numbers, 0)
        levels = to_levels(self.landscape.height(wide), contested, *self.components.table("range"))
        found = flood(levels, seeds, contested, _cut_sides(wide, grid.shape))[inside(box, wide)]
        return self._resolve(found, box, found == STRANGER, tuple(2 * m for m in margin))


def _cut_sides(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The outermost voxels of a box on the sides where the array continues, (*size)."""
    rim = np.zeros(size(box), bool)
    for axis, (cut, length) in enumerate(zip(box, shape, strict=True)):
        before = (slice(None),) * axis
        rim[(*before, slice(0, int(cut.start > 0)))] = True
        rim[(*before, slice(cut.stop - cut.start - int(cut.stop < length), None))] = True
    return rim
