"""Random deformation of labels: smooth, or a common stretch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.synthesis.texture import smooth_noise


def deform(
    labels: NDArray[np.int32], rng: np.random.Generator, *, amplitude: float, grain: tuple[float, ...]
) -> NDArray[np.int32]:
    """Move every voxel by smooth noise; nuclei may fall apart where it is steep, at amplitudes above a grain.

    Args:
        labels: (*S), 0 = background.
        rng: the only source of randomness.
        amplitude: standard deviation of the displacement per axis, in voxels.
        grain: size of the noise, in voxels per axis, see `smooth_noise`.

    Returns:
        (*S); what would come from beyond the border repeats it.
    """
    if amplitude == 0:
        return labels
    places = [
        line + np.float32(amplitude) * smooth_noise(rng, labels.shape, grain)
        for line in np.ogrid[tuple(slice(0, n) for n in labels.shape)]
    ]
    moved: NDArray[np.int32] = ndimage.map_coordinates(labels, places, order=0, mode="nearest")
    return moved


def stretch(labels: NDArray[np.int32], rng: np.random.Generator, factor: float) -> NDArray[np.int32]:
    """Stretch the picture about its centre along a random direction, so that all nuclei lie alike.

    Args:
        labels: (*S), 0 = background.
        rng: the only source of randomness.
        factor: of lengths along the direction, 1 or more; across it, they are kept.

    Returns:
        (*S).
    """
    along = rng.standard_normal(labels.ndim)
    along /= np.linalg.norm(along)
    back = np.eye(labels.ndim) - (1 - 1 / factor) * np.outer(along, along)
    centre = (np.array(labels.shape) - 1) / 2
    moved: NDArray[np.int32] = ndimage.affine_transform(
        labels, back, centre - back @ centre, order=0, mode="nearest"
    )
    return moved
