"""Seeds grown into the foreground block by block, each voxel to the seed that has it in the whole volume.

Parts of the foreground do not touch, so a flood of one knows nothing of the others: a part with one seed
is that seed's, and one without is nobody's. Only parts with several seeds are flooded, within a block and
a margin around it. Fronts that come in from beyond the margin start there as strangers, earlier than they
can be (`ops.flood`); what they do not reach is as in the whole volume. Where they do reach voxels of the
block, these are flooded again with twice the margin, until no stranger reaches any: at last, without a
margin that ends, there are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.large._labelled import Labelled
from nucleizoo.large._look import Look
from nucleizoo.large._runs import lengths, to_runs
from nucleizoo.large._stage import Stage
from nucleizoo.large._survey import Survey, bounds
from nucleizoo.ops.flood import STRANGER, flood, to_levels
from nucleizoo.ops.grid import Box, inside, size
from nucleizoo.ops.pieces import raster

SEVERAL = -2
"""Stands for the seed of a part that has more than one."""


class Growth:
    """Grows the seeds of a survey.

    Args:
        stage: to keep the labels of blocks.
        survey: of the same blocks.
        look: what was surveyed.
        chosen: (n + 1,) bool, which of the survey's seeds count.
        keep_rest: whether parts without a seed are objects too.
        margin: voxels around a block, an axis; more are taken where they are needed.
        limit: voxels that may be flooded at once.
    """

    def __init__(
        self, stage: Stage, survey: Survey, look: Look, chosen: NDArray[np.bool_], *,
        keep_rest: bool, margin: tuple[int, ...], limit: float,
    ) -> None:  # fmt: skip
        self.stage, self.survey, self.look = stage, survey, look
        self.chosen, self.margin, self.limit = chosen, tuple(max(m, 1) for m in margin), limit
        self.parts, self.seeds = survey.labelled("parts"), survey.labelled("seeds")
        self.owner, self.count = _owners(survey, chosen, keep_rest)

    def blocks(self) -> Iterator[int]:
        """Grow into the blocks that are not done; yields each when it is on disk.

        Raises:
            UserError: when seeds are so far apart that more than `limit` voxels must be flooded at once.
        """
        grid = self.stage.grid
        for index in range(len(grid)):
            if not self.stage.has(index):
                labels = self._block(grid.box(index))
                starts, values = to_runs(labels)
                ids, first, runs = np.unique(values, return_index=True, return_inverse=True)
                sizes = np.bincount(runs, lengths(starts, labels.size)).astype(np.int64)
                known: dict[str, NDArray[Any]] = {"ids": ids, "sizes": sizes}
                known["first"] = raster(starts[first], grid, index)
                self.stage.write(index, known, {"labels": labels})
                yield index

    def labelled(self) -> Labelled:
        """The labels of the volume, once all blocks are done."""
        sizes = np.zeros(self.count + 1, np.int64)
        first = np.full(self.count + 1, np.prod(self.stage.grid.shape, dtype=np.int64))
        for index in range(len(self.stage.grid)):
            with self.stage.read(index) as file:
                ids = file["ids"]
                sizes[ids] += file["sizes"]
                first[ids] = np.minimum(first[ids], file["first"])
        sizes[0] = 0
        return Labelled(lambda box: self.stage.labels("labels", box), sizes, first)

    def _block(self, box: Box) -> NDArray[np.int32]:
        labels = self.owner[self.parts.read(box)]
        return self._settled(labels, box, labels == SEVERAL, self.margin)

    def _settled(
        self, labels: NDArray[np.int32], box: Box, open_: NDArray[np.bool_], margin: tuple[int, ...]
    ) -> NDArray[np.int32]:
        """Labels of a box, those that are open found by flooding."""
        if open_.any():
            there = bounds(open_)
            part = tuple(slice(o.start + t.start, o.start + t.stop) for o, t in zip(box, there, strict=True))
            np.copyto(labels[there], self._flooded(part, margin), where=open_[there])
        return labels

    def _flooded(self, box: Box, margin: tuple[int, ...]) -> NDArray[np.int32]:
        grid = self.stage.grid
        wide = grid.grown(box, margin)
        if np.prod(size(wide), dtype=float) > self.limit:
            raise UserError(
                f"at voxel {tuple(c.start for c in box)} seeds are so far apart that {size(wide)} voxels "
                f"must be flooded at once, more than the {self.limit:.3g} that memory allows; raise "
                "--max-memory, or the decoder's FOREGROUND, so that nuclei do not all hang together"
            )
        contested = (self.owner == SEVERAL)[self.parts.read(wide)]
        numbers = self.seeds.read(wide)
        seeds = np.where(self.chosen[numbers], numbers, 0)
        levels = to_levels(self.look.height(wide), contested, self.survey.low, self.survey.high)
        found = flood(levels, seeds, contested, _cut_sides(wide, grid.shape))[inside(box, wide)]
        return self._settled(found, box, found == STRANGER, tuple(2 * m for m in margin))


def _owners(survey: Survey, chosen: NDArray[np.bool_], keep_rest: bool) -> tuple[NDArray[np.int32], int]:
    """For every part the number of its seed, `SEVERAL`, or its own number; and the largest number."""
    seeds, parts = survey.links[:, chosen[survey.links[0]]]
    owner = np.zeros(len(survey.parts.sizes), np.int32)
    owner[parts] = seeds
    seeded = np.bincount(parts, minlength=owner.size)
    owner[seeded > 1] = SEVERAL
    count = chosen.size - 1
    if keep_rest:
        rest = np.flatnonzero(seeded == 0)[1:]
        owner[rest] = count + np.arange(1, rest.size + 1)
        count += rest.size
    return owner, count


def _cut_sides(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The outermost voxels of a box where the array goes on, (*size)."""
    rim = np.zeros(size(box), bool)
    for axis, (cut, length) in enumerate(zip(box, shape, strict=True)):
        before = (slice(None),) * axis
        rim[(*before, slice(0, int(cut.start > 0)))] = True
        rim[(*before, slice(cut.stop - cut.start - int(cut.stop < length), None))] = True
    return rim
