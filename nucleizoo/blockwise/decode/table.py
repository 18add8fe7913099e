"""The nuclei of a whole volume as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.label_volume import Numbers
from nucleizoo.blockwise.state.block_store import OfBlocks, Stage
from nucleizoo.inference import nuclei_table
from nucleizoo.inference.nuclei_table import Row, Sums
from nucleizoo.ops.grid import Box

BYTES = 16
"""Of memory that a column of the table takes for every nucleus: a sum, and as much to work with."""

LEAST = 1 << 16
"""Nuclei at once, however little memory there is: all blocks are read for them."""


class Table(OfBlocks):
    """Adds up the voxels of nuclei block by block, a step of which nothing is joined.

    Args:
        labels: gives those of the volume, once they are decoded.
        likely: a part of the volume -> the probability of nucleus there.
        stage: to keep the sums of blocks.
    """

    def __init__(
        self, labels: Callable[[], Numbers], likely: Callable[[Box], NDArray[np.float32]], stage: Stage
    ) -> None:
        self.labels, self.likely, self.stage = labels, likely, stage

    def do(self, index: int) -> None:
        """Add up in one block.

        Raises:
            OSError: when the disk is full.
        """
        box = self.stage.grid.box(index)
        corner = tuple(cut.start for cut in box)
        self.stage.write(index, vars(Sums.of(self.labels().read(box), self.likely(box), corner)))

    def join(self) -> None:
        """Nothing is kept of what the blocks have in common: it is written."""

    def write(self, path: Path, spacing: tuple[float, ...], limit: float) -> None:
        """Write a row a nucleus, of as many at once as memory holds.

        Args:
            path: of the table.
            spacing: voxel size in micrometres, in axis order; () when unknown.
            limit: bytes that may be used.

        Raises:
            UserError: when what was found in a block is gone or damaged.
            OSError: when the disk is full.
        """
        axes = len(self.stage.grid.shape)
        at_once = max(int(limit / (BYTES * (3 + axes))), LEAST)
        nuclei_table.write(path, self._rows(spacing, at_once), axes, spacing)

    def _rows(self, spacing: tuple[float, ...], at_once: int) -> Iterator[Row]:
        count = self.labels().count
        for low in range(1, count + 1, at_once):
            yield from self._added(np.arange(low, min(low + at_once, count + 1))).rows(spacing)

    def _added(self, wanted: NDArray[np.int64]) -> Sums:
        """The sums of consecutive nuclei over all blocks."""
        made = np.zeros((2 + len(self.stage.grid.shape), wanted.size))
        for index in range(len(self)):
            with self.stage.read(index) as file:
                here = file["labels"] - wanted[0]
                inside = (here >= 0) & (here < wanted.size)
                if inside.any():
                    sums = np.vstack([file["voxels"], file["likely"], file["places"]])
                    made[:, here[inside]] += sums[:, inside]
        voxels, likely, *places = made
        return Sums(wanted, voxels, np.stack(places), likely)
