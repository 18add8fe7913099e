"""Touching nuclei split in a volume larger than memory: peaks of the distance transform as seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.label_volume import LabelVolume
from nucleizoo.blockwise.decode.landscape import Landscape
from nucleizoo.blockwise.plan.budget import Budget
from nucleizoo.blockwise.state.block_store import BlockStore
from nucleizoo.ops.grid import Box, Grid, inside
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.labels.block_components import Joined
from nucleizoo.ops.labels.distance import instance_distance
from nucleizoo.ops.labels.rules import gaussian_reach
from nucleizoo.ops.labels.split_touching import SMOOTHING, chosen, is_local_maximum, smooth_depth, to_steps


class DepthLandscape:
    """Objects as foreground, their distance transform (depth) as landscape, its peaks as seeds.

    A distance is exact if no voxel outside those that were read is nearer; the margin grows until that
    holds.

    Args:
        objects: to be split.
        grid: of the volume.
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        margin: initial margin around a part, voxels per axis.
        budget: of memory.
    """

    def __init__(
        self, objects: LabelVolume, grid: Grid, spacing: tuple[float, ...], margin: tuple[int, ...],
        budget: Budget,
    ) -> None:  # fmt: skip
        self.objects, self.grid, self.spacing = objects, grid, spacing
        self.margin, self.budget = tuple(max(m, 1) for m in margin), budget
        self.voxel = voxel_shape(spacing, len(grid.shape))

    def read(self, box: Box) -> Landscape:
        """Objects, peaks and negative depth of a part."""
        wide = self.grid.grown(box, (1,) * len(box))
        depth, objects, here = self._depth(wide), self.objects.read(wide), inside(box, wide)
        peaks = is_local_maximum(to_steps(depth), objects)
        return Landscape(objects[here] > 0, peaks[here], -depth[here])

    def height(self, box: Box) -> NDArray[np.float32]:
        """The negative depth alone."""
        return -self._depth(box)

    def measure(
        self, box: Box, peaks: NDArray[np.int32], height: NDArray[np.float32]
    ) -> dict[str, NDArray[Any]]:
        """Depth, owner and sum of coordinates of each peak in a block.

        Args:
            box: of the block.
            peaks: (*S) their numbers.
            height: (*S) of the landscape.
        """
        where = np.nonzero(peaks)
        own, count = peaks[where], int(peaks.max(initial=0)) + 1
        tops, owners = np.full(count, -np.inf), np.zeros(count, np.int32)
        np.maximum.at(tops, own, to_steps(-height[where]))
        np.maximum.at(owners, own, self.objects.read(box)[where])
        places = [np.bincount(own, axis + cut.start, count) for axis, cut in zip(where, box, strict=True)]
        return {"tops": tops, "owners": owners, "places": np.stack(places, axis=1)}

    def select(self, store: BlockStore, peaks: Joined, apart: float) -> NDArray[np.bool_]:
        """Which peaks of the volume are seeds, no two of an object closer than `apart`: (n + 1,)."""
        count = len(peaks.sizes)
        tops, owners = np.full(count, -np.inf), np.zeros(count, np.int32)
        sums = np.zeros((count, len(self.voxel)))
        for index in range(len(store)):
            table = peaks.table(index)
            with store.read(index) as file:
                known = table[: len(file["tops"])]
                np.maximum.at(tops, known, file["tops"])
                np.maximum.at(owners, known, file["owners"])
                np.add.at(sums, known, file["places"])
        middles = sums[1:] / peaks.sizes[1:, None] * np.array(self.voxel)
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
        """The shortest distance through the margin to a voxel outside `wide`, in pixels of the last axis."""
        ways = [
            (m + 1) * edge
            for cut, length, m, edge in zip(wide, self.grid.shape, margin, self.voxel, strict=True)
            if cut.start > 0 or cut.stop < length
        ]
        return min(ways, default=np.inf)
