"""The overlapping windows of a volume, and when their results become complete."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from nucleizoo.ops.grid import Box
from nucleizoo.ops.nn.blending import LINEAR, Terms, WindowWeights
from nucleizoo.ops.nn.sliding_window import starts


@dataclass(frozen=True)
class Tiling:
    """The windows of `ops.nn.sliding_window.slide`, row by row along the first axis.

    Attributes:
        shape: of the volume.
        window: voxels per axis.
        overlap: share of a window that overlaps the next, in [0, 1).
        blending: how windows are weighted where they overlap, see `contracts.Blending`.
    """

    shape: tuple[int, ...]
    window: tuple[int, ...]
    overlap: float
    blending: Terms = LINEAR

    @cached_property
    def starts(self) -> list[list[int]]:
        """Where windows begin, per axis."""
        return [starts(n, w, self.overlap) for n, w in zip(self.shape, self.window, strict=True)]

    @property
    def step(self) -> tuple[int, ...]:
        """From one window to the next, per axis."""
        axes = zip(self.starts, self.window, strict=True)
        return tuple(at[1] - at[0] if len(at) > 1 else window for at, window in axes)

    def __len__(self) -> int:
        return math.prod(map(len, self.starts))

    @property
    def weights(self) -> Tensor:
        """Blending weights of a window (*window)."""
        return self._blending.weights

    def divide(self, sums: Tensor, box: Box) -> Tensor:
        """Weighted sums (K, *size), divided in place by the weights of all windows in a box."""
        return self._blending.divide(sums, box)

    @cached_property
    def _blending(self) -> WindowWeights:
        return WindowWeights(self.blending, self.window, self.starts, self.shape)

    def overlapping(self, axis: int, low: int, high: int) -> list[int]:
        """The starts of windows along an axis that overlap low..high."""
        return [s for s in self.starts[axis] if s < high and s + self.window[axis] > low]

    def complete(self, row: int) -> int:
        """How far along the first axis the results are complete after a row of windows."""
        begins = self.starts[0]
        return begins[row + 1] if row + 1 < len(begins) else self.shape[0]

    def row_for(self, first: int) -> int:
        """The earliest row of windows that reaches a place on the first axis."""
        return next(i for i, s in enumerate(self.starts[0]) if s + self.window[0] > first)
