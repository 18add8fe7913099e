"""Seeds grown into the foreground block by block, each voxel to the seed that has it in the whole volume.

Parts of the foreground do not touch, so a flood of one knows nothing of the others: a part with one seed
is that seed's, and one without is nobody's. Only parts with several seeds are flooded, within a block and
a margin around it. Fronts that come in from beyond the margin start there as strangers, earlier than they
can be (`ops.labels.watershed`); what they do not reach is as in the whole volume. Where they do reach voxels
of the block, these are flooded again with twice the margin, until no stranger reaches any: at last, without a
margin that ends, there are none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.components import SEVERAL, Survey
from nucleizoo.blockwise.decode.landscape import Look
from nucleizoo.blockwise.plan.budget import Budget
from nucleizoo.blockwise.state.block_store import OfBlocks, Stage
from nucleizoo.blockwise.state.rle import lengths, to_runs
from nucleizoo.ops.grid import Box, inside, size
from nucleizoo.ops.labels.block_components import raster
from nucleizoo.ops.labels.watershed import STRANGER, flood, to_levels


class Growth(OfBlocks):
    """Grows the seeds of a survey; what has grown are objects.

    Args:
        stage: to keep the labels of blocks.
        survey: of the same blocks.
        look: what was surveyed.
        margin: voxels around a block, an axis; more are taken where they are needed.
        budget: for what is flooded at once.
    """

    def __init__(
        self, stage: Stage, survey: Survey, look: Look, *, margin: tuple[int, ...], budget: Budget
    ) -> None:
        self.stage, self.survey, self.look = stage, survey, look
        self.margin, self.budget = tuple(max(m, 1) for m in margin), budget

    def do(self, index: int) -> None:
        """Grow into one block.

        Raises:
            UserError: when seeds are so far apart that more must be flooded at once than there is room for.
        """
        labels = self._block(self.stage.grid.box(index))
        starts, values = to_runs(labels)
        ids, first, runs = np.unique(values, return_index=True, return_inverse=True)
        sizes = np.bincount(runs, lengths(starts, labels.size)).astype(np.int64)
        known: dict[str, NDArray[Any]] = {"ids": ids, "sizes": sizes}
        known["first"] = raster(starts[first], self.stage.grid, index)
        self.stage.write(index, known, {"labels": labels})

    def join(self) -> None:
        """Measure the objects of the whole volume."""
        if self.stage.is_joined:
            return
        owner, chosen = self.survey.table("owner"), self.survey.table("chosen")
        count = max(len(chosen), int(owner.max(initial=0)) + 1)
        sizes = np.zeros(count, np.int64)
        first = np.full(count, np.prod(self.stage.grid.shape, dtype=np.int64))
        for index in range(len(self)):
            with self.stage.read(index) as file:
                ids = file["ids"]
                sizes[ids] += file["sizes"]
                first[ids] = np.minimum(first[ids], file["first"])
        sizes[0] = 0
        self.stage.keep({"sizes": sizes, "first": first})

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels, (n + 1,); 0 where there is a gap."""
        return self.stage.table("sizes")

    @property
    def first(self) -> NDArray[np.int64]:
        """Raster index of the first voxel, (n + 1,)."""
        return self.stage.table("first")

    def read(self, box: Box) -> NDArray[np.int32]:
        """The labels of a part of the volume."""
        return self.stage.labels("labels", box)

    def _block(self, box: Box) -> NDArray[np.int32]:
        labels = self._owner(box)
        return self._settled(labels, box, labels == SEVERAL, self.margin)

    def _owner(self, box: Box) -> NDArray[np.int32]:
        """Whose the parts are in a part of the volume."""
        owner: NDArray[np.int32] = self.survey.table("owner")
        return owner[self.survey.parts.read(box)]

    def _settled(
        self, labels: NDArray[np.int32], box: Box, open_: NDArray[np.bool_], margin: tuple[int, ...]
    ) -> NDArray[np.int32]:
        """Labels of a box, those that are open found by flooding."""
        if open_.any():
            there = _bounds(open_)
            part = tuple(slice(o.start + t.start, o.start + t.stop) for o, t in zip(box, there, strict=True))
            np.copyto(labels[there], self._flooded(part, margin), where=open_[there])
        return labels

    def _flooded(self, box: Box, margin: tuple[int, ...]) -> NDArray[np.int32]:
        grid = self.stage.grid
        wide = grid.grown(box, margin)
        self.budget.check(box, wide, "seeds are so far apart that")
        contested = self._owner(wide) == SEVERAL
        numbers = self.survey.seeds.read(wide)
        seeds = np.where(self.survey.table("chosen")[numbers], numbers, 0)
        levels = to_levels(self.look.height(wide), contested, *self.survey.table("range"))
        found = flood(levels, seeds, contested, _cut_sides(wide, grid.shape))[inside(box, wide)]
        return self._settled(found, box, found == STRANGER, tuple(2 * m for m in margin))


def _cut_sides(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The outermost voxels of a box where the array goes on, (*size)."""
    rim = np.zeros(size(box), bool)
    for axis, (cut, length) in enumerate(zip(box, shape, strict=True)):
        before = (slice(None),) * axis
        rim[(*before, slice(0, int(cut.start > 0)))] = True
        rim[(*before, slice(cut.stop - cut.start - int(cut.stop < length), None))] = True
    return rim


def _bounds(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around what is True in a mask (*S) that is not empty."""
    box = []
    for axis in range(mask.ndim):
        there = np.flatnonzero(mask.any(tuple(a for a in range(mask.ndim) if a != axis)))
        box.append(slice(int(there[0]), int(there[-1]) + 1))
    return tuple(box)
