"""What prediction by blocks writes, whatever the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo.blockwise.decode.label_volume import Numbers
from nucleizoo.ops.grid import Grid

CHUNK = {2: (512, 512), 3: (32, 128, 128)}
"""Voxels that are stored together, by the number of axes."""


@dataclass(frozen=True)
class Result:
    """What is written.

    Attributes:
        labels: gives those of the volume, once they are decoded.
        shape: (*S).
        spacing: voxel size in micrometres, in axis order; () when unknown.
        step: about how much is in memory at once, voxels an axis.
        skipped: gives the chunks of the input that were taken for black, in words.
        scratch: folder for what is written part by part.
        origin: what is noted of file, settings and weights (`fingerprint.marked`), and of a table.
    """

    labels: Callable[[], Numbers]
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    step: tuple[int, ...]
    skipped: Callable[[], list[str]]
    scratch: Path
    origin: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """The smallest that holds all numbers."""
        return np.uint16 if self.labels().count < 2**16 else np.uint32

    @property
    def axes(self) -> str:
        """Letters, in axis order."""
        return "zyx"[-len(self.shape) :]

    @property
    def chunk(self) -> tuple[int, ...]:
        """Voxels that are stored together."""
        return tuple(min(c, n) for c, n in zip(CHUNK[len(self.shape)], self.shape, strict=True))

    @property
    def metadata(self) -> dict[str, Any]:
        """What is noted beside the labels, once they are complete."""
        return {
            "nuclei": self.labels().count,
            "skipped": self.skipped(),
            **self.origin,
            "complete": 1,
        }


def units(shape: tuple[int, ...], result: Result) -> Grid:
    """Parts that are whole chunks and fit in memory."""
    step = tuple(max(s // c, 1) * c for s, c in zip(result.step, result.chunk, strict=True))
    return Grid(shape, step)
