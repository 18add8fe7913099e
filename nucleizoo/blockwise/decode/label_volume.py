"""Labels of a whole volume, read part by part."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.state.block_store import BlockStore
from nucleizoo.ops.grid import Box
from nucleizoo.ops.labels.block_components import Joined


class LabelVolume(Protocol):
    """Objects 1..n, known once the step that finds them is joined; numbers may have gaps."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels, (n + 1,); 0 for the background and for unused numbers."""
        ...

    @property
    def first(self) -> NDArray[np.int64]:
        """Raster index of the first voxel, (n + 1,); the number of all voxels for unused numbers."""
        ...

    def read(self, box: Box) -> NDArray[np.int32]:
        """The labels of a part of the volume."""
        ...


class ComponentLabels:
    """Connected components, stored per block and merged by a table.

    Args:
        store: of the blocks' components and of the tables that merge them.
        name: of the components there.
    """

    def __init__(self, store: BlockStore, name: str) -> None:
        self.store, self.name = store, name

    @cached_property
    def joined(self) -> Joined:
        """The merge table."""
        return Joined.unpacked(self.name, self.store.table)

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
        return self.store.labels(self.name, box, self.joined.table)


class FinalLabels:
    """Objects without the small ones, renumbered by first voxel: a step that has no tasks, only a join.

    Args:
        store: for the table.
        objects: of the volume.
        min_size: smallest size to keep, in voxels.
    """

    def __init__(self, store: BlockStore, objects: LabelVolume, min_size: int) -> None:
        self.store, self.objects, self.min_size = store, objects, min_size

    def __len__(self) -> int:
        return 0

    def missing(self) -> Iterator[int]:
        """None."""
        return iter(())

    def do(self, index: int) -> None:
        """Nothing."""

    def join(self) -> None:
        """Renumber the objects."""
        if not self.store.is_joined:
            table, count = relabelling(self.objects, self.min_size)
            self.store.keep({"table": table, "count": np.array([count])})

    @property
    def count(self) -> int:
        """Number of objects."""
        return int(self.store.table("count")[0])

    def read(self, box: Box) -> NDArray[np.int32]:
        """A part of the volume: 1..count by first voxel in raster order."""
        labels: NDArray[np.int32] = self.store.table("table")[self.objects.read(box)]
        return labels


def relabelling(objects: LabelVolume, min_size: int) -> tuple[NDArray[np.int32], int]:
    """The new number of each object: 0 for small ones, 1..n by first voxel for the others.

    Returns:
        The table, and n.
    """
    kept = np.flatnonzero(objects.sizes >= max(min_size, 1))
    order = kept[np.argsort(objects.first[kept], kind="stable")]
    table = np.zeros(len(objects.sizes), np.int32)
    table[order] = np.arange(1, order.size + 1)
    return table, order.size
