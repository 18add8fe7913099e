"""Labels of a whole volume of which only a part is ever in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.state.block_store import Stage
from nucleizoo.ops.grid import Box
from nucleizoo.ops.labels.block_components import Joined


class Labelled(Protocol):
    """Objects 1..n, known once the step that finds them is joined; numbers may have gaps."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels, (n + 1,); 0 where there is a gap, and of the background."""
        ...

    @property
    def first(self) -> NDArray[np.int64]:
        """Raster index of the first voxel, (n + 1,); the number of all voxels where there is a gap."""
        ...

    def read(self, box: Box) -> NDArray[np.int32]:
        """The labels of a part of the volume."""
        ...


class Parts:
    """The connected parts that a stage keeps the pieces of.

    Args:
        stage: holds the pieces of blocks and, as tables, what joins them.
        name: of the pieces there.
    """

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.name = stage, name

    @cached_property
    def joined(self) -> Joined:
        """What joins the pieces."""
        return Joined.unpacked(self.name, self.stage.table)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels, (n + 1,)."""
        return self.joined.sizes

    @property
    def first(self) -> NDArray[np.int64]:
        """Raster index of the first voxel, (n + 1,)."""
        return self.joined.first

    def read(self, box: Box) -> NDArray[np.int32]:
        """The labels of a part of the volume."""
        return self.stage.labels(self.name, box, self.joined.table)


class Numbers:
    """Objects that are large enough, counted by first voxel: a step without units, only joined.

    Args:
        stage: to keep the table.
        objects: of the volume.
        min_size: voxels of the smallest.
    """

    def __init__(self, stage: Stage, objects: Labelled, min_size: int) -> None:
        self.stage, self.objects, self.min_size = stage, objects, min_size

    def __len__(self) -> int:
        return 0

    def missing(self) -> Iterator[int]:
        """None."""
        return iter(())

    def do(self, index: int) -> None:
        """Nothing."""

    def join(self) -> None:
        """Count the objects."""
        if not self.stage.is_joined:
            table, count = numbered(self.objects, self.min_size)
            self.stage.keep({"table": table, "count": np.array([count])})

    @property
    def count(self) -> int:
        """Of objects."""
        return int(self.stage.table("count")[0])

    def read(self, box: Box) -> NDArray[np.int32]:
        """A part of the volume: 1..count by first voxel in raster order."""
        labels: NDArray[np.int32] = self.stage.table("table")[self.objects.read(box)]
        return labels


def numbered(objects: Labelled, min_size: int) -> tuple[NDArray[np.int32], int]:
    """What the numbers become when small objects go and the others are counted by first voxel.

    Returns:
        The table, and how many objects there are.
    """
    kept = np.flatnonzero(objects.sizes >= max(min_size, 1))
    order = kept[np.argsort(objects.first[kept], kind="stable")]
    table = np.zeros(len(objects.sizes), np.int32)
    table[order] = np.arange(1, order.size + 1)
    return table, order.size
