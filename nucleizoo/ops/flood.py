"""Marker watershed in numpy: whole fronts of voxels advance at once, level by level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 256
"""Heights that the flood tells apart; one more stands for a voxel that it may not enter."""

_Queues = list[list[NDArray[np.intp]]]


def flood(
    landscape: NDArray[np.float32] | NDArray[np.uint8], seeds: NDArray[np.int32], mask: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Flood a landscape from seeds over faces, lowest voxels first, within the mask.

    A voxel belongs to the seed whose front comes first. A front waits in the queue of the highest level
    that it has passed; within a level, who came first goes on first, and seeds start in raster order.
    So ties have one outcome. scikit-image floods in the same order but for seeds of one level, among
    which it has none: the two agree wherever no voxel is equally near to two seeds.

    Time goes with the number of fronts as well as with that of voxels: corridors one voxel wide are slow.

    Args:
        landscape: (*S), finite. uint8 is taken as it is, anything else is cut into 256 levels over its
            range within the mask.
        seeds: (*S), 0 = not a seed; what lies outside of the mask is ignored.
        mask: (*S), where labels may stand; a part of it that holds no seed stays 0.

    Returns:
        (*S), the numbers of the seeds.
    """
    # A rim of forbidden voxels around the array: no front needs to ask where it ends.
    inner = (slice(1, -1),) * mask.ndim
    height = np.full([n + 2 for n in mask.shape], LEVELS, np.uint16)
    labels = np.zeros(height.shape, np.int32)
    _raise(height[inner], landscape, mask)
    np.copyto(labels[inner], seeds, where=mask & (seeds > 0))
    _advance(height.ravel(), labels.ravel(), face_steps(height.shape))
    return np.ascontiguousarray(labels[inner])


def face_steps(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """What leads from a voxel to its face neighbours in the flat array, in raster order.

    Example:
        >>> face_steps((5, 4)).tolist()
        [-4, -1, 1, 4]
    """
    strides = np.cumprod([1, *shape[:0:-1]])
    return np.concatenate([-strides[::-1], strides])


def _raise(
    height: NDArray[np.uint16], landscape: NDArray[np.float32] | NDArray[np.uint8], mask: NDArray[np.bool_]
) -> None:
    """Write the levels of the landscape into `height`, within the mask."""
    if landscape.dtype == np.uint8:
        np.copyto(height, landscape, where=mask)
        return
    inside = landscape[mask].astype(np.float32)
    low, high = inside.min(initial=np.inf), inside.max(initial=-np.inf)
    height[mask] = np.rint((inside - low) * ((LEVELS - 1) / (high - low))) if low < high else 0


def _advance(height: NDArray[np.uint16], labels: NDArray[np.int32], steps: NDArray[np.intp]) -> None:
    """Fill `labels` in place; `height` becomes `LEVELS` where a voxel is taken."""
    queues: _Queues = [[] for _ in range(LEVELS)]
    seeds = np.flatnonzero(labels)
    _enqueue(queues, seeds, height[seeds])
    height[seeds] = LEVELS
    for level in range(LEVELS):
        while queues[level]:
            front = np.concatenate(queues[level])
            queues[level] = []
            near = (front[:, None] + steps).ravel()
            reached = height[near]
            open_ = np.flatnonzero(reached < LEVELS)
            near = near[open_]
            # The earliest claim wins: claims are written last to first, and who reads his own has won.
            claim = np.arange(near.size, dtype=np.int32)
            labels[near[::-1]] = claim[::-1]
            won = np.flatnonzero(labels[near] == claim)
            near, open_ = near[won], open_[won]
            labels[near] = labels[front[open_ // steps.size]]
            height[near] = LEVELS
            _enqueue(queues, near, np.maximum(reached[open_], level))


def _enqueue(queues: _Queues, voxels: NDArray[np.intp], levels: NDArray[np.uint16]) -> None:
    """Append voxels to the queues of their levels, in their order."""
    order = np.argsort(levels, kind="stable")
    voxels = voxels[order]
    edges = np.searchsorted(levels[order], np.arange(LEVELS + 1))
    for level in np.flatnonzero(np.diff(edges)).tolist():
        queues[level].append(voxels[edges[level] : edges[level + 1]])
