"""Voxels grouped by where they gather: the modes of the density of landing points.

This is mean shift [1] with the density on the grid of voxels, climbed from voxel to voxel, so that the mode
of a voxel depends on its surroundings alone.

[1] Comaniciu and Meer, Mean shift: a robust approach toward feature space analysis, 2002.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True)
class Climb:
    """How modes are found from landing points.

    Attributes:
        window: at each step a point moves to the densest voxel of this many voxels on either side, per axis.
        steps: at most; points that are still moving then have no mode.
        smooth: standard deviation of the Gaussian on the density, in voxels per axis; () for none.
    """

    window: tuple[int, ...]
    steps: int
    smooth: tuple[float, ...] = ()

    @property
    def reach(self) -> tuple[int, ...]:
        """How far from a landing point the density counts, and then how far away points that land count."""
        blur = tuple(int(4 * sigma + 0.5) for sigma in self.smooth) or (0,) * len(self.window)
        return tuple((self.steps + 1) * w + b for w, b in zip(self.window, blur, strict=True))

    def __call__(self, landed: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
        """Find the mode of every landing point.

        Args:
            landed: flat indices (N).
            shape: (*S).

        Returns:
            Flat indices (N) of the modes; -1 where none was reached. Of equally dense voxels the first in
            raster order is taken.
        """
        count = np.bincount(landed, minlength=int(np.prod(shape))).reshape(shape)
        density = ndimage.gaussian_filter(count.astype(np.float32), self.smooth) if self.smooth else count
        padded = np.pad(density, [(w, w) for w in self.window], constant_values=-1)
        offsets = itertools.product(*(range(-w, w + 1) for w in self.window))
        strides = [stride // padded.itemsize for stride in padded.strides]
        around = np.array([np.dot(offset, strides) for offset in offsets], np.intp)
        flat = padded.ravel()
        points, back = np.unique(landed, return_inverse=True)
        places = np.unravel_index(points, shape)
        at = np.ravel_multi_index([p + w for p, w in zip(places, self.window, strict=True)], padded.shape)
        for _ in range(self.steps):
            at = _densest(flat, at, around)
        places = np.unravel_index(at, padded.shape)
        modes = np.ravel_multi_index([p - w for p, w in zip(places, self.window, strict=True)], shape)
        reached: NDArray[np.intp] = np.where(_densest(flat, at, around) == at, modes, -1)
        return reached[back]


def _densest(flat: NDArray[Any], at: NDArray[np.intp], around: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first of the densest voxels around each."""
    top: NDArray[np.intp] = at + around[0]
    best = flat[top]
    for offset in around[1:]:
        here = flat[at + offset]
        more = here > best
        top, best = np.where(more, at + offset, top), np.where(more, here, best)
    return top
