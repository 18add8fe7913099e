"""The step that applies the network: one task and one file of maps per region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import filterfalse, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.maps.map_store import MapStore
from nucleizoo.blockwise.maps.sliding_window import Network, ReadImage, slide_column
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.core.files import atomic
from nucleizoo.core.parts import is_part
from nucleizoo.ops.grid import Box


class NetworkMaps:
    """The maps of a volume, region by region.

    Windows that overlap several regions are predicted for each of them. The sums of a region are reused only
    by the next one along the first axis, if this process predicts it next: a single process then repeats
    windows only between columns.

    Args:
        network: see `Network`.
        image: of the volume.
        input: the volume.
        tiling: its windows.
        store: for the maps; its grid is that of the regions.
        batch: windows predicted at once.
    """

    def __init__(
        self, network: Network, image: ReadImage, input: VolumeInput, tiling: Tiling, store: MapStore,
        batch: int,
    ) -> None:  # fmt: skip
        self.network, self.image, self.input = network, image, input
        self.tiling, self.store, self.batch = tiling, store, batch
        self._next: tuple[Box, int, Iterator[NDArray[np.float32]]] | None = None

    def __len__(self) -> int:
        return len(self.store.grid)

    def missing(self) -> Iterator[int]:
        """The regions that are not done, column by column, so that each reuses the sums of the last."""
        counts, done = self.store.grid.counts, self.store.done()
        order = np.moveaxis(np.arange(len(self)).reshape(counts), 0, -1).ravel()
        return map(int, order[~done[order]])

    def do(self, index: int) -> None:
        """Predict one region.

        Raises:
            ImageReadError: when a chunk cannot be read.
            OSError: when the disk is full.
        """
        box = self.store.grid.box(index)
        with self.store.writing(index) as write:
            planes = self._planes(box)
            for plane in islice(planes, box[0].stop - box[0].start):
                write(plane)
            if skipped := self.input.newly_skipped:
                with atomic(self.store.folder / f"{index:07d}.json", sync=False) as part:
                    part.write_text(json.dumps(skipped))
        if box[0].stop < self.store.grid.shape[0]:
            self._next = (box[1:], box[0].stop, planes)

    def join(self) -> None:
        """Nothing to merge."""
        self.release()

    def release(self) -> None:
        """Free the memory of sums that could be reused."""
        self._next = None

    def skipped(self) -> list[str]:
        """Chunks that any process treated as black, in words."""
        found = set(self.input.volume.skipped)
        for file in filterfalse(is_part, self.store.folder.glob("*.json")):
            found.update(json.loads(file.read_text()))
        return sorted(found)

    def windows(self, *, reuse: bool) -> int:
        """Number of windows predicted, by one process that reuses sums or by several that do not."""
        grid, count = self.store.grid, len(self.tiling.starts[0]) if reuse else 1
        for axis in range(int(reuse), len(grid.shape)):
            n, b = grid.shape[axis], grid.block[axis]
            count *= sum(len(self.tiling.overlapping(axis, a, min(a + b, n))) for a in range(0, n, b))
        return count

    def _planes(self, box: Box) -> Iterator[NDArray[Any]]:
        """The maps of a column, starting with a box, plane by plane (K, *rest)."""
        last, self._next = self._next, None
        if last is not None and last[:2] == (box[1:], box[0].start):
            return last[2]
        rows = slide_column(
            self.network, self.image, self.tiling, box[1:], done=box[0].start, batch=self.batch
        )
        return (plane for _, maps in rows for plane in np.moveaxis(maps, 1, 0))
