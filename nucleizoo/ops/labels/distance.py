"""Distance transforms per nucleus, with the voxel size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.labels.components import renumber

try:  # the extra `fast`: the same distances, several times faster in 3D
    import edt  # type: ignore[import-not-found]
except ImportError:
    edt = None


def instance_distance(
    labels: NDArray[np.int32], spacing: tuple[float, ...] = (), *, border: bool = True
) -> NDArray[np.float32]:
    """Euclidean distance of every voxel to the nearest one outside its own nucleus.

    Args:
        labels: (*S), 0 = background; touching nuclei are outside each other.
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        border: whether everything beyond the array is background. If not, a nucleus that fills the whole
            array has no outside, and its distance is infinite.

    Returns:
        (*S) in pixels of the last axis, 0 in the background.

    Raises:
        ValueError: when `spacing` does not match the axes.

    Example:
        >>> instance_distance(np.array([[0, 7, 7, 7, 0]], np.int32), border=False).tolist()
        [[0.0, 1.0, 2.0, 1.0, 0.0]]
    """
    voxel = voxel_shape(spacing, labels.ndim)
    if edt is None:
        return _by_boxes(labels, voxel, border)
    whole = np.ascontiguousarray(labels)
    distance: NDArray[np.float32] = edt.edt(whole, anisotropy=voxel, black_border=border)
    return distance


def relative_distance(
    labels: NDArray[np.int32], spacing: tuple[float, ...] = (), *, border: bool = True
) -> NDArray[np.float32]:
    """`instance_distance` divided by the nucleus's own maximum: 0 in the background, up to 1.

    A nucleus that fills the whole array without a border is 1 everywhere. Arguments and errors are
    those of `instance_distance`.
    """
    if labels.max(initial=0) > labels.size:  # tables indexed by label would be huge
        labels = renumber(labels)
    distance = instance_distance(labels, spacing, border=border)
    inside = np.flatnonzero(labels)
    numbers, own = labels.ravel()[inside].astype(np.intp), distance.ravel()[inside]
    deepest = np.zeros(numbers.max(initial=0) + 1, np.float32)
    np.maximum.at(deepest, numbers, own)
    # only a nucleus without an outside has infinite distances, and then it is the only one
    distance.ravel()[inside] = own / deepest[numbers] if np.isfinite(deepest).all() else 1
    return distance


def _by_boxes(labels: NDArray[np.int32], voxel: tuple[float, ...], border: bool) -> NDArray[np.float32]:
    """Distances per nucleus in its bounding box and one voxel around, which holds the nearest outside."""
    distance = np.zeros(labels.shape, np.float32)
    sampling = None if all(edge == 1 for edge in voxel) else voxel
    for number, tight in enumerate(ndimage.find_objects(labels), start=1):
        if tight is None:
            continue
        sides = [(cut.start, cut.stop, n) for cut, n in zip(tight, labels.shape, strict=True)]
        box = tuple(slice(max(start - 1, 0), min(stop + 1, n)) for start, stop, n in sides)
        inside = labels[box] == number
        if border:
            around = [(int(start == 0), int(stop == n)) for start, stop, n in sides]
            own = ndimage.distance_transform_edt(np.pad(inside, around), sampling=sampling)
            own = own[tuple(slice(low, low + n) for (low, _), n in zip(around, inside.shape, strict=True))]
        elif inside.all():
            own = np.full(inside.shape, np.inf)
        else:
            own = ndimage.distance_transform_edt(inside, sampling=sampling)
        np.copyto(distance[box], own, where=inside, casting="same_kind")
    return distance
