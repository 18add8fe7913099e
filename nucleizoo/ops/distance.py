"""Distance maps, nucleus by nucleus, with the voxel size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.geometry import voxel_shape


def instance_distance(
    labels: NDArray[np.int32], spacing: tuple[float, ...] = (), *, border: bool = True
) -> NDArray[np.float32]:
    """Euclidean distance of every voxel to the nearest one outside its own nucleus.

    Args:
        labels: (*S), 0 = background; touching nuclei count as outside of each other.
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        border: whether all beyond the array is background. When not, a nucleus that fills the
            whole array has no outside, and its distance is infinite.

    Returns:
        (*S) in pixels of the last axis, 0 in the background.

    Raises:
        ValueError: when `spacing` does not fit the axes.

    Example:
        >>> instance_distance(np.array([[0, 7, 7, 7, 0]], np.int32), border=False).tolist()
        [[0.0, 1.0, 2.0, 1.0, 0.0]]
    """
    distance = np.zeros(labels.shape, np.float32)
    for box, inside, own in _each(labels, spacing, border):
        np.copyto(distance[box], own, where=inside)
    return distance


def relative_distance(
    labels: NDArray[np.int32], spacing: tuple[float, ...] = (), *, border: bool = True
) -> NDArray[np.float32]:
    """`instance_distance` divided by the nucleus's own maximum: 0 in the background, up to 1.

    A nucleus that fills the whole array without a border is 1 everywhere. Arguments and errors are
    those of `instance_distance`.
    """
    distance = np.zeros(labels.shape, np.float32)
    for box, inside, own in _each(labels, spacing, border):
        deepest = own.max()
        own = own / deepest if np.isfinite(deepest) else inside.astype(np.float32)
        np.copyto(distance[box], own, where=inside)
    return distance


def _each(
    labels: NDArray[np.int32], spacing: tuple[float, ...], border: bool
) -> Iterator[tuple[tuple[slice, ...], NDArray[np.bool_], NDArray[np.float32]]]:
    """Box, voxels in it and their distances, for every nucleus.

    The nearest voxel outside a nucleus touches it, so its bounding box and one voxel more tell all.
    """
    voxel = voxel_shape(spacing, labels.ndim)
    sampling = None if all(edge == 1 for edge in voxel) else voxel
    for number, tight in enumerate(ndimage.find_objects(labels), start=1):
        if tight is None:
            continue
        sides = [(cut.start, cut.stop, n) for cut, n in zip(tight, labels.shape, strict=True)]
        box = tuple(slice(max(start - 1, 0), min(stop + 1, n)) for start, stop, n in sides)
        inside: NDArray[np.bool_] = labels[box] == number
        if border:
            around = [(int(start == 0), int(stop == n)) for start, stop, n in sides]
            own = ndimage.distance_transform_edt(np.pad(inside, around), sampling=sampling)
            own = own[tuple(slice(low, low + n) for (low, _), n in zip(around, inside.shape, strict=True))]
        elif inside.all():
            own = np.full(inside.shape, np.inf)
        else:
            own = ndimage.distance_transform_edt(inside, sampling=sampling)
        yield box, inside, own.astype(np.float32)
