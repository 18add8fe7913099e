"""Touching objects split at their waists, in a volume that is never in memory at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.label_volume import Labelled
from nucleizoo.blockwise.decode.landscape import Seen
from nucleizoo.blockwise.plan.budget import Budget
from nucleizoo.blockwise.state.block_store import Stage
from nucleizoo.ops.grid import Box, Grid, inside
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.labels.block_components import Joined
from nucleizoo.ops.labels.distance import instance_distance
from nucleizoo.ops.labels.rules import gaussian_reach
from nucleizoo.ops.labels.split_touching import SMOOTHING, chosen, is_summit, smooth_depth, to_steps


class DepthLook:
    """Objects as foreground, the summits of their depth as seeds, depth as the landscape.

    A distance is right when it is not longer than the way out of what was looked at; so as much as that
    needs is read around every part.

    Args:
        objects: to be split.
        grid: of the volume.
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        margin: voxels around a part, an axis, to begin with.
        budget: for what is in memory at once.
    """

    def __init__(
        self,
        objects: Labelled,
        grid: Grid,
        spacing: tuple[float, ...],
        margin: tuple[int, ...],
        budget: Budget,
    ) -> None:
        self.objects, self.grid, self.spacing = objects, grid, spacing
        self.margin, self.budget = tuple(max(m, 1) for m in margin), budget
        self.voxel = voxel_shape(spacing, len(grid.shape))

    def seen(self, box: Box) -> Seen:
        """All of a part."""
        wide = self.grid.grown(box, (1,) * len(box))
        depth, objects, here = self._depth(wide), self.objects.read(wide), inside(box, wide)
        summit = is_summit(to_steps(depth), objects)
        return Seen(objects[here] > 0, summit[here], -depth[here])

    def height(self, box: Box) -> NDArray[np.float32]:
        """The landscape alone."""
        return -self._depth(box)

    def note(self, box: Box, seeds: NDArray[np.int32], seen: Seen) -> dict[str, NDArray[Any]]:
        """Height, owner and middle of the seeds in a block, by their numbers there.

        Args:
            box: of the block.
            seeds: (*S) their numbers.
            seen: of the same box.
        """
        assert seen.height is not None
        where = np.nonzero(seeds)
        own, count = seeds[where], int(seeds.max(initial=0)) + 1
        tops, owners = np.full(count, -np.inf), np.zeros(count, np.int32)
        np.maximum.at(tops, own, to_steps(-seen.height[where]))
        np.maximum.at(owners, own, self.objects.read(box)[where])
        places = [np.bincount(own, axis + cut.start, count) for axis, cut in zip(where, box, strict=True)]
        return {"tops": tops, "owners": owners, "places": np.stack(places, axis=1)}

    def chosen(self, stage: Stage, seeds: Joined, apart: float) -> NDArray[np.bool_]:
        """Which summits of the volume are seeds, no two of an object nearer than `apart`: (n + 1,)."""
        count = len(seeds.sizes)
        tops, owners = np.full(count, -np.inf), np.zeros(count, np.int32)
        sums = np.zeros((count, len(self.voxel)))
        for index in range(len(stage)):
            table = seeds.table(index)
            with stage.read(index) as file:
                known = table[: len(file["tops"])]
                np.maximum.at(tops, known, file["tops"])
                np.maximum.at(owners, known, file["owners"])
                np.add.at(sums, known, file["places"])
        middles = sums[1:] / seeds.sizes[1:, None] * np.array(self.voxel)
        found = chosen(tops[1:], owners[1:], middles, apart) if count > 1 else np.zeros(0, bool)
        return np.concatenate([[False], found])

    def _depth(self, box: Box) -> NDArray[np.float32]:
        wide = self.grid.grown(box, gaussian_reach(tuple(SMOOTHING / edge for edge in self.voxel)))
        return smooth_depth(self._distance(wide, self.margin), self.spacing)[inside(box, wide)]

    def _distance(self, box: Box, margin: tuple[int, ...]) -> NDArray[np.float32]:
        wide = self.grid.grown(box, margin)
        self.budget.check(box, wide, "an object is so thick that, to split it,")
        distance = instance_distance(self.objects.read(wide), self.spacing, border=False)[inside(box, wide)]
        if distance.max(initial=0) <= self._way_out(wide, margin):
            return distance
        return self._distance(box, tuple(2 * m for m in margin))

    def _way_out(self, wide: Box, margin: tuple[int, ...]) -> float:
        """The shortest way from the middle of `wide` to a voxel beyond it, in pixels of the last axis."""
        ways = [
            (m + 1) * edge
            for cut, length, m, edge in zip(wide, self.grid.shape, margin, self.voxel, strict=True)
            if cut.start > 0 or cut.stop < length
        ]
        return min(ways, default=np.inf)
