"""Nuclei with smooth surfaces: the masks of labels, blurred on a grid of cubes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.grid import Box
from nucleizoo.ops.image.resize import Resizing

SIGMA = 1.0
"""Standard deviation of the blur, in edges of the coarsest voxel or cube: it rounds off their steps."""
_TRUNCATE = 3.0


@dataclass(frozen=True)
class Cubes:
    """A grid of cubes over the field of view of a volume, as exactly as whole numbers of them allow.

    Attributes:
        shape: (z, y, x) of the volume.
        spacing: voxel size of the volume, any unit.
        edge: of the cubes, same unit.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    edge: float

    @property
    def resizing(self) -> Resizing:
        """From voxels to cubes."""
        lengths = zip(self.shape, self.spacing, strict=True)
        new = tuple(max(1, round(n * size / self.edge)) for n, size in lengths)
        return Resizing(self.shape, new, blur=False)

    @property
    def sigma(self) -> float:
        """Of the blur, in cubes."""
        return SIGMA * max(*self.spacing, self.edge) / self.edge

    def around(self, box: Box) -> Box:
        """The cubes that a part of the volume and its blur lie in."""
        reach = math.ceil(_TRUNCATE * self.sigma) + 1
        sizes = zip(box, self.shape, self.resizing.new, strict=True)
        return tuple(
            slice(max(0, cut.start * new // old - reach), min(new, -(-cut.stop * new // old) + reach))
            for cut, old, new in sizes
        )

    def places(self, indices: NDArray[np.floating]) -> NDArray[np.float64]:
        """Indices (N, 3) of cubes, whole or not, as positions; the centre of the first voxel is at 0."""
        old, new, size = (np.array(a, float) for a in (self.shape, self.resizing.new, self.spacing))
        places: NDArray[np.float64] = ((indices + 0.5) * old / new - 0.5) * size
        return places


def smooth_mask(labels: NDArray[np.int32], label: int, box: Box, cubes: Cubes) -> NDArray[np.float32]:
    """One nucleus as a field that falls from inside to outside, 1 at its surface.

    The level of the surface is that at which the nucleus keeps its volume, so that blurring neither shrinks
    small nuclei nor removes flat ones.

    Args:
        labels: (z, y, x), 0 = background.
        label: of the nucleus.
        box: in which it lies.
        cubes: grid over the volume.

    Returns:
        The field on the cubes `cubes.around(box)`, 0 or more.
    """
    there, resizing = cubes.around(box), cubes.resizing
    mask = (labels[box] == label).sum() * math.prod(resizing.new) / math.prod(resizing.old)
    part = np.asarray(labels[resizing.made_of(there)] == label, np.float32)
    field: NDArray[np.float32] = ndimage.gaussian_filter(
        resizing.linear(part, there), cubes.sigma, mode="nearest", truncate=_TRUNCATE
    )
    rank = min(field.size - 1, max(1, round(float(mask))))  # of the last cube inside
    last, first = np.partition(-field.ravel(), [rank - 1, rank])[[rank - 1, rank]]
    field /= max(-float(last + first) / 2, 1e-6)
    return field
