"""The result of prediction by blocks, whatever the format: labels, voxel size, chunks and metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo.blockwise.decode.label_volume import FinalLabels
from nucleizoo.ops.grid import Grid

CHUNK = {2: (512, 512), 3: (32, 128, 128)}
"""Shape of a stored chunk, per number of axes."""


@dataclass(frozen=True)
class Result:
    """What is written.

    Attributes:
        labels: returns the labels of the volume, once they are decoded.
        shape: (*S).
        spacing: voxel size in micrometres, in axis order; () when unknown.
        block: about how much is in memory at once, voxels per axis.
        skipped: returns the chunks of the input that were treated as black, in words.
        scratch: folder for incomplete files.
        origin: hash of file, settings and weights (`fingerprint.recorded`), and whether there is a table.
    """

    labels: Callable[[], FinalLabels]
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    block: tuple[int, ...]
    skipped: Callable[[], list[str]]
    scratch: Path
    origin: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """The smallest type that holds all labels."""
        return np.uint16 if self.labels().count < 2**16 else np.uint32

    @property
    def axes(self) -> str:
        """Letters, in axis order."""
        return "zyx"[-len(self.shape) :]

    @property
    def chunk(self) -> tuple[int, ...]:
        """Shape of a stored chunk."""
        return tuple(min(c, n) for c, n in zip(CHUNK[len(self.shape)], self.shape, strict=True))

    @property
    def metadata(self) -> dict[str, Any]:
        """Metadata stored with complete labels."""
        return {"nuclei": self.labels().count, "skipped": self.skipped(), **self.origin, "complete": 1}


def write_grid(shape: tuple[int, ...], result: Result) -> Grid:
    """Parts to write at once: whole chunks that fit in memory."""
    block = tuple(max(b // c, 1) * c for b, c in zip(result.block, result.chunk, strict=True))
    return Grid(shape, block)
