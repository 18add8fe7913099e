"""Arrays brought to another number of voxels over the same field of view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import transform

from nucleizoo.ops.grid import Box


def linear(image: NDArray[np.float32], shape: tuple[int, ...], *, blur: bool = True) -> NDArray[np.float32]:
    """Interpolate between voxel centres: (*S) -> shape, float32, within the range of the input.

    With `blur`, axes that shrink are blurred first (sigma (ratio - 1) / 2 voxels), so that fine
    texture averages out instead of turning into coarse patterns.
    """
    if image.shape == shape:
        return image
    resized: NDArray[np.float32] = transform.resize(  # type: ignore[no-untyped-call]
        image, shape, order=1, mode="edge", anti_aliasing=blur, preserve_range=True
    )
    return resized.astype(np.float32, copy=False)


def nearest(labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Take the voxel whose centre is nearest: (*S) -> shape, same dtype, no value that was not there.

    Example:
        >>> nearest(np.array([[3, 0], [0, 7]]), (2, 4)).tolist()
        [[3, 3, 0, 0], [0, 0, 7, 7]]
    """
    if labels.shape == shape:
        return labels
    # in whole numbers, so that no rounding moves a voxel: floor((i + 1/2) * old / new)
    picks = [
        (2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(labels.shape, shape, strict=True)
    ]
    return labels[np.ix_(*picks)]


@dataclass(frozen=True)
class Resizing:
    """An array brought to another number of voxels part by part, as `linear` and `nearest` do at once.

    Attributes:
        old: (*S) as it is.
        new: (*S) as it becomes.
    """

    old: tuple[int, ...]
    new: tuple[int, ...]

    def made_of(self, box: Box) -> Box:
        """The voxels that a part of the result depends on."""
        return tuple(map(_made_of, box, self.old, self.new))

    def linear(self, part: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
        """A part of what `linear` makes: the same but for the rounding of float32.

        Args:
            part: the voxels `made_of(box)`.
            box: of the result.
        """
        sigmas = [_sigma(o, n) for o, n in zip(self.old, self.new, strict=True)]
        if any(sigmas):
            part = ndimage.gaussian_filter(part, sigmas, mode="nearest")
        starts = (cut.start for cut in self.made_of(box))
        for axis, (cut, start, old, new) in enumerate(zip(box, starts, self.old, self.new, strict=True)):
            if old == new:
                continue
            place = np.clip((np.arange(cut.start, cut.stop) + 0.5) * old / new - 0.5, 0, old - 1)
            low = np.floor(place).astype(int)
            share = (place - low).astype(np.float32).reshape(-1, *[1] * (part.ndim - 1 - axis))
            high = np.minimum(low + 1, old - 1) - start
            part = part.take(low - start, axis) * (1 - share) + part.take(high, axis) * share
        return part

    def nearest(self, part: NDArray[Any], box: Box) -> NDArray[Any]:
        """A part of what `nearest` makes, exactly; arguments as for `linear`."""
        for axis, (cut, made, old, new) in enumerate(
            zip(box, self.made_of(box), self.old, self.new, strict=True)
        ):
            if old != new:
                part = part.take(
                    (2 * np.arange(cut.start, cut.stop) + 1) * old // (2 * new) - made.start, axis
                )
        return part


def _sigma(old: int, new: int) -> float:
    """Of the blur before an axis shrinks, in voxels."""
    return max(0.0, (old / new - 1) / 2)


def _made_of(cut: slice, old: int, new: int) -> slice:
    if old == new:
        return cut
    reach = int(4 * _sigma(old, new) + 0.5) + 1  # a Gaussian ends after 4 sigma; one more for its neighbour
    low, high = (cut.start + 0.5) * old / new - 0.5, (cut.stop - 0.5) * old / new - 0.5
    return slice(max(0, math.floor(low) - reach), min(old, math.ceil(high) + reach + 1))
