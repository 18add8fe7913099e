"""The table of nuclei of a whole volume: position, size and confidence, summed up block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.label_volume import FinalLabels
from nucleizoo.blockwise.state.block_store import BlockStep, BlockStore
from nucleizoo.inference import nuclei_table
from nucleizoo.inference.nuclei_table import Row, Sums
from nucleizoo.ops.grid import Box

BYTES = 16
"""Memory per nucleus and column of the table: a sum, and as much to work with."""

LEAST = 1 << 16
"""Smallest batch of nuclei, however little memory there is, because every batch reads all blocks."""


class NucleiTable(BlockStep):
    """The step that sums up the voxels of nuclei; nothing is stored for the whole volume.

    Args:
        labels: returns the labels of the volume, once they are decoded.
        likelihood: a part of the volume -> the probability of nucleus there.
        store: for the sums of blocks.
    """

    def __init__(
        self, labels: Callable[[], FinalLabels], likelihood: Callable[[Box], NDArray[np.float32]],
        store: BlockStore,
    ) -> None:  # fmt: skip
        self.labels, self.likelihood, self.store = labels, likelihood, store

    def do(self, index: int) -> None:
        """Sum up one block.

        Raises:
            OSError: when the disk is full.
        """
        box = self.store.grid.box(index)
        corner = tuple(cut.start for cut in box)
        self.store.write(index, vars(Sums.of(self.labels().read(box), self.likelihood(box), corner)))

    def join(self) -> None:
        """Nothing; `write` adds up the blocks."""

    def write(self, path: Path, spacing: tuple[float, ...], limit: float) -> None:
        """Write one row per nucleus, as many at once as fit in memory.

        Args:
            path: of the table.
            spacing: voxel size in micrometres, in axis order; () when unknown.
            limit: bytes that may be used.

        Raises:
            UserError: when the sums of a block are gone or damaged.
            OSError: when the disk is full.
        """
        axes = len(self.store.grid.shape)
        at_once = max(int(limit / (BYTES * (3 + axes))), LEAST)
        nuclei_table.write(path, self._rows(spacing, at_once), axes, spacing)

    def _rows(self, spacing: tuple[float, ...], at_once: int) -> Iterator[Row]:
        count = self.labels().count
        for low in range(1, count + 1, at_once):
            yield from self._total(np.arange(low, min(low + at_once, count + 1))).rows(spacing)

    def _total(self, wanted: NDArray[np.int64]) -> Sums:
        """The sums of consecutive nuclei over all blocks."""
        total = np.zeros((2 + len(self.store.grid.shape), wanted.size))
        for index in range(len(self)):
            with self.store.read(index) as file:
                here = file["labels"] - wanted[0]
                inside = (here >= 0) & (here < wanted.size)
                if inside.any():
                    sums = np.vstack([file["voxels"], file["likely"], file["places"]])
                    total[:, here[inside]] += sums[:, inside]
        voxels, likely, *places = total
        return Sums(wanted, voxels, np.stack(places), likely)
