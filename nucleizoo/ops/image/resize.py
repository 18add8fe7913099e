"""Arrays resampled to another number of voxels over the same field of view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.grid import Box

TRUNCATE = 4.0
"""Standard deviations after which the Gaussian of the blur ends."""


def linear(image: NDArray[np.float32], shape: tuple[int, ...], *, blur: bool = True) -> NDArray[np.float32]:
    """Interpolate between voxel centres: (*S) -> shape, float32.

    Values stay within the range of the input up to rounding. With `blur`, axes that shrink are blurred
    first (sigma (ratio - 1) / 2 voxels), so that fine texture averages out instead of aliasing.
    """
    if image.shape == shape:
        return image
    resizing = Resizing(image.shape, shape, blur)
    return resizing.linear(image[resizing.made_of(resizing.whole)], resizing.whole)


def nearest(labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Take the voxel whose centre is nearest: (*S) -> shape, same dtype, no new values.

    Example:
        >>> nearest(np.array([[3, 0], [0, 7]]), (2, 4)).tolist()
        [[3, 3, 0, 0], [0, 0, 7, 7]]
    """
    resizing = Resizing(labels.shape, shape)
    return resizing.nearest(labels[resizing.made_of(resizing.whole)], resizing.whole)


@dataclass(frozen=True)
class Resizing:
    """Resampling part by part, with the same result as `linear` and `nearest` of the whole array.

    Attributes:
        old: (*S) of the array.
        new: (*S) of the result.
        blur: whether `linear` blurs axes that shrink.
    """

    old: tuple[int, ...]
    new: tuple[int, ...]
    blur: bool = True

    @property
    def is_needed(self) -> bool:
        """Whether anything changes."""
        return self.old != self.new

    @property
    def whole(self) -> Box:
        """All of the result."""
        return tuple(slice(0, n) for n in self.new)

    def made_of(self, box: Box) -> Box:
        """The voxels that a part of the result depends on."""
        return tuple(map(_made_of, box, self.old, self.new, self._sigmas))

    def linear(self, part: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
        """A part of the result of `linear`.

        Args:
            part: the voxels `made_of(box)`.
            box: of the result.
        """
        if any(self._sigmas):
            part = ndimage.gaussian_filter(part, self._sigmas, mode="nearest", truncate=TRUNCATE)
        starts = (cut.start for cut in self.made_of(box))
        for axis, (cut, start, old, new) in enumerate(zip(box, starts, self.old, self.new, strict=True)):
            if old == new:
                continue
            place = np.clip((np.arange(cut.start, cut.stop) + 0.5) * old / new - 0.5, 0, old - 1)
            low = np.floor(place).astype(int)
            share = (place - low).astype(np.float32).reshape(-1, *[1] * (part.ndim - 1 - axis))
            high = np.minimum(low + 1, old - 1) - start
            near, far = part.take(low - start, axis), part.take(high, axis)
            near *= 1 - share
            far *= share
            near += far
            part = near
        return part

    def nearest(self, part: NDArray[Any], box: Box) -> NDArray[Any]:
        """A part of the result of `nearest`; arguments as for `linear`."""
        starts = (cut.start for cut in self.made_of(box))
        for axis, (cut, start, old, new) in enumerate(zip(box, starts, self.old, self.new, strict=True)):
            if old == new:
                continue
            # floor((i + 1/2) * old / new) in integers, so that no rounding moves a voxel
            place = (2 * np.arange(cut.start, cut.stop) + 1) * old // (2 * new)
            part = part.take(place - start, axis)
        return part

    @property
    def _sigmas(self) -> tuple[float, ...]:
        """Standard deviations of the blur before axes shrink, in voxels."""
        ratios = (old / new for old, new in zip(self.old, self.new, strict=True))
        return tuple(max(0.0, (ratio - 1) / 2) * self.blur for ratio in ratios)


def _made_of(cut: slice, old: int, new: int, sigma: float) -> slice:
    if old == new:
        return cut
    reach = int(TRUNCATE * sigma + 0.5) + 1  # of scipy's Gaussian, and one more to interpolate
    low, high = (cut.start + 0.5) * old / new - 0.5, (cut.stop - 0.5) * old / new - 0.5
    return slice(max(0, math.floor(low) - reach), min(old, math.ceil(high) + reach + 1))
