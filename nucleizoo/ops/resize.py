"""Arrays brought to another number of voxels over the same field of view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import transform


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
