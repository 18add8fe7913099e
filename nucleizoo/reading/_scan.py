"""One image or volume, ready for the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Scan:
    """One image or volume, scaled and resampled.

    Attributes:
        image: (C, *S) float32 in [-1, 1].
        spacing: voxel size of `image` in micrometres, in axis order; () when unknown.
        shape: the spatial shape in the file, before resampling.
        plane: index in the file's stack; None when the file holds this one alone.
        stack: shape of that stack, which several axes can make; () when there is none.
        file_spacing: voxel size in the file in micrometres, in axis order; () when unknown.
        labels: (*S) int32, 0 = background, on the voxels of `image`; None where there are none.
    """

    image: NDArray[np.float32]
    spacing: tuple[float, ...]
    shape: tuple[int, ...]
    plane: int | None = None
    file_spacing: tuple[float, ...] = ()
    labels: NDArray[np.int32] | None = None
    stack: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.image.nbytes + (0 if self.labels is None else self.labels.nbytes)
