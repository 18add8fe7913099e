"""One image or volume, ready for the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nucleizoo.ops.resize import nearest


@dataclass(frozen=True, eq=False)
class Scan:
    """One image or volume, scaled and resampled.

    Attributes:
        image: (C, *S) float32 in [-1, 1].
        spacing: voxel size of `image` in micrometres, in axis order; () when unknown.
        shape: the spatial shape in the file, before resampling.
        plane: index in the file's stack; None when the file holds this one alone.
        file_spacing: voxel size in the file in micrometres, in axis order; () when unknown.
        labels: (*S) int32, 0 = background, on the voxels of `image`; None where there are none.
    """

    image: NDArray[np.float32]
    spacing: tuple[float, ...]
    shape: tuple[int, ...]
    plane: int | None = None
    file_spacing: tuple[float, ...] = ()
    labels: NDArray[np.int32] | None = None

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.image.nbytes + (0 if self.labels is None else self.labels.nbytes)


def restore_labels(labels: NDArray[np.integer], scan: Scan) -> NDArray[np.int32]:
    """Bring labels found on a scan back to the voxels of its file.

    Args:
        labels: (*S) as `scan.image`, 0 = background.
        scan: what they were found on.

    Returns:
        (*scan.shape) int32, every voxel that of its nearest neighbour; ids stay as they are.

    Raises:
        ValueError: when the labels do not have the shape of the scan.
    """
    if labels.shape != scan.image.shape[1:]:
        raise ValueError(f"labels of {labels.shape} do not belong to a scan of {scan.image.shape[1:]}")
    return nearest(labels, scan.shape).astype(np.int32, copy=False)
