"""Prediction: the network's maps, a unit of prediction a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import filterfalse, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.maps.map_store import MapFiles
from nucleizoo.blockwise.maps.sliding_window import Picture, Predict, slide_column
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.blockwise.maps.volume import Input
from nucleizoo.core.files import atomic, is_part
from nucleizoo.ops.grid import Box


class NetworkMaps:
    """Maps of a volume, unit by unit.

    Windows that reach into several units are predicted for each of them. Only a unit that follows, along
    the first axis, the one that this process did last goes on with its sums: alone, nothing is predicted
    twice but between columns.

    Args:
        network: see `Predict`.
        picture: of the volume.
        seen: the volume.
        tiling: its windows.
        files: for the maps; their grid are the units.
        batch: windows predicted at once.
    """

    def __init__(
        self, network: Predict, picture: Picture, seen: Input, tiling: Tiling, files: MapFiles, batch: int
    ) -> None:
        self.network, self.picture, self.seen = network, picture, seen
        self.tiling, self.files, self.batch = tiling, files, batch
        self._going_on: tuple[Box, int, Iterator[NDArray[np.float32]]] | None = None

    def __len__(self) -> int:
        return len(self.files.grid)

    def missing(self) -> Iterator[int]:
        """The units that are not done, column by column, so that each goes on with the sums of the last."""
        counts, done = self.files.grid.counts, self.files.done()
        order = np.moveaxis(np.arange(len(self)).reshape(counts), 0, -1).ravel()
        return map(int, order[~done[order]])

    def do(self, index: int) -> None:
        """Predict one unit.

        Raises:
            ImageReadError: when a chunk cannot be read.
            OSError: when the disk is full.
        """
        box = self.files.grid.box(index)
        with self.files.writing(index) as write:
            planes = self._planes(box)
            for plane in islice(planes, box[0].stop - box[0].start):
                write(plane)
            if skipped := self.seen.met:
                with atomic(self.files.folder / f"{index:07d}.json", sync=False) as part:
                    part.write_text(json.dumps(skipped))
        if box[0].stop < self.files.grid.shape[0]:
            self._going_on = (box[1:], box[0].stop, planes)

    def join(self) -> None:
        """Nothing is to be put together."""
        self.rest()

    def rest(self) -> None:
        """Give back the memory of sums that could be gone on with."""
        self._going_on = None

    def skipped(self) -> list[str]:
        """Chunks that were taken for black, by whatever process, in words."""
        found = set(self.seen.volume.skipped)
        for file in filterfalse(is_part, self.files.folder.glob("*.json")):
            found.update(json.loads(file.read_text()))
        return sorted(found)

    def windows(self, *, going_on: bool) -> int:
        """How many are predicted, by one process that goes on with its sums or by several that do not."""
        grid, count = self.files.grid, len(self.tiling.starts[0]) if going_on else 1
        for axis in range(int(going_on), len(grid.shape)):
            n, b = grid.shape[axis], grid.block[axis]
            count *= sum(len(self.tiling.meeting(axis, a, min(a + b, n))) for a in range(0, n, b))
        return count

    def _planes(self, box: Box) -> Iterator[NDArray[Any]]:
        """The maps of a column from a box on, plane by plane (K, *rest)."""
        last, self._going_on = self._going_on, None
        if last is not None and last[:2] == (box[1:], box[0].start):
            return last[2]
        rows = slide_column(
            self.network, self.picture, self.tiling, box[1:], done=box[0].start, batch=self.batch
        )
        return (plane for _, made in rows for plane in np.moveaxis(made, 1, 0))
