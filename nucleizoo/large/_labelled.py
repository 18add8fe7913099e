"""Labels of a whole volume of which only a part is ever in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nucleizoo.large._stage import Stage
from nucleizoo.ops.grid import Box
from nucleizoo.ops.pieces import Joined


@dataclass(frozen=True, eq=False)
class Labelled:
    """Objects 1..n; numbers may have gaps.

    Attributes:
        read: a part of the volume -> its labels, int32.
        sizes: (n + 1,) int64, voxels; 0 where there is a gap.
        first: (n + 1,) int64, raster index of the first voxel; the number of all where there is a gap.
    """

    read: Callable[[Box], NDArray[np.int32]]
    sizes: NDArray[np.int64]
    first: NDArray[np.int64]

    @classmethod
    def joined(cls, stage: Stage, name: str, joined: Joined) -> Labelled:
        """The parts that a stage keeps the pieces of."""
        return cls(lambda box: stage.labels(name, box, joined.table), joined.sizes, joined.first)

    def numbered(self, min_size: int) -> tuple[NDArray[np.int32], int]:
        """What the numbers become when small objects go and the others are counted by first voxel.

        Returns:
            The table, and how many objects there are.
        """
        kept = np.flatnonzero(self.sizes >= max(min_size, 1))
        order = kept[np.argsort(self.first[kept], kind="stable")]
        table = np.zeros(len(self.sizes), np.int32)
        table[order] = np.arange(1, order.size + 1)
        return table, order.size
