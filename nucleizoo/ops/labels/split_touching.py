"""Touching objects split where they are narrow: a watershed on the distance transform, from its peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.labels.components import label, label_rest, marker_watershed, renumber
from nucleizoo.ops.labels.distance import instance_distance

SMOOTHING = 1.0
"""Gaussian on the depth before its peaks are found, in pixels: ragged edges make many."""

STEP = 0.05
"""Steps that depth is rounded to, in pixels: a long nucleus then has one ridge, not many peaks."""


def split(
    objects: NDArray[np.int32], apart: float, spacing: tuple[float, ...] = (), *, backend: str = "frontier"
) -> NDArray[np.int32]:
    """Split objects where they are narrow.

    Args:
        objects: (*S), 0 = background.
        apart: least distance between the centres of two pieces, in pixels of the last axis.
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        backend: see `ops.labels.components`.

    Returns:
        (*S), the same foreground with new labels.

    Raises:
        ValueError: when `spacing` does not match the axes, or for an unknown back end.
    """
    depth = smooth_depth(instance_distance(objects, spacing, border=False), spacing)
    seeds = peaks(to_steps(depth), objects, apart, voxel_shape(spacing, objects.ndim))
    cut = marker_watershed(-depth, seeds, objects > 0, backend=backend)
    return label_rest(cut, objects > 0)


def smooth_depth(distance: NDArray[np.float32], spacing: tuple[float, ...]) -> NDArray[np.float32]:
    """Distances to the outside of each object (*S), smoothed; infinite ones count as 1."""
    finite = np.where(np.isfinite(distance), distance, np.float32(1))
    sigma = [SMOOTHING / edge for edge in voxel_shape(spacing, distance.ndim)]
    return np.asarray(ndimage.gaussian_filter(finite, sigma), np.float32)


def to_steps(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth (*S) rounded to steps of `STEP`, so that almost level regions are level."""
    return np.round(depth / STEP)


def peaks(
    height: NDArray[np.float32], objects: NDArray[np.int32], apart: float, voxel: tuple[float, ...]
) -> NDArray[np.int32]:
    """Seeds 1..n at the peaks of objects, no two of an object closer than `apart`.

    Higher peaks come first; a plateau is one peak. An object beside a higher neighbour may have none.

    Args:
        height: (*S), such as the distance to the background.
        objects: (*S), 0 = background.
        apart: least distance between the centres of two peaks, in the unit of `voxel`.
        voxel: edge lengths of a voxel.

    Returns:
        (*S).
    """
    maxima = label(is_local_maximum(height, objects), full=True)
    which = np.arange(1, maxima.max(initial=0) + 1)
    if not which.size:
        return maxima
    tops, owners = (np.asarray(ndimage.maximum(values, maxima, which)) for values in (height, objects))
    middles = np.array(ndimage.center_of_mass(maxima > 0, maxima, which)) * np.array(voxel)
    table = np.concatenate([[0], np.where(chosen(tops, owners, middles, apart), which, 0)])
    return renumber(table.astype(np.int32)[maxima])


def is_local_maximum(height: NDArray[np.float32], objects: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where no neighbour is higher, within objects (*S)."""
    return np.asarray((ndimage.maximum_filter(height, 3) == height) & (objects > 0))


def chosen(
    tops: NDArray[np.floating], owners: NDArray[np.integer], middles: NDArray[np.float64], apart: float
) -> NDArray[np.bool_]:
    """Which of n peaks are seeds: the highest, then the next that is not near a seed of its object.

    Args:
        tops: (n,) heights.
        owners: (n,) labels of the objects.
        middles: (n, axes) positions.
        apart: least distance between two seeds of an object, in the unit of `middles`.

    Returns:
        (n,).
    """
    tree = KDTree(middles)
    taken, covered = np.zeros(len(tops), bool), np.zeros(len(tops), bool)
    for i in np.argsort(-tops, kind="stable"):
        if not covered[i]:
            near = np.array(tree.query_ball_point(middles[i], apart))
            covered[near[owners[near] == owners[i]]] = True
            taken[i] = True
    return taken
