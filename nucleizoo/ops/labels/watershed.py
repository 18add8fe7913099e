"""Marker watershed in numpy: whole fronts of voxels advance at once, level by level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 256
"""Heights that the flood tells apart; one more stands for a voxel that it may not enter."""

_Queues = list[list[NDArray[np.intp]]]


STRANGER = -1
"""The label of what may belong to something beyond the array; see `flood`."""


def flood(
    landscape: NDArray[np.float32] | NDArray[np.uint8],
    seeds: NDArray[np.int32],
    mask: NDArray[np.bool_],
    strangers: NDArray[np.bool_] | None = None,
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
        strangers: (*S), where fronts may come in from beyond the array, when it is a piece of a larger
            one: its outermost voxels on the cut sides. Those of the mask that are no seeds start as
            `STRANGER`, each at its own level and before all seeds. No front from beyond can be earlier:
            it comes in at the level of the voxel that it enters, or above. The way from there is the
            same, and of two fronts on one way the earlier stays the earlier. So **whatever does not
            become `STRANGER` has the label that flooding the larger array gives it**.

    Returns:
        (*S), the numbers of the seeds.
    """
    # A rim of forbidden voxels around the array: no front needs to ask where it ends.
    inner = (slice(1, -1),) * mask.ndim
    height = np.full([n + 2 for n in mask.shape], LEVELS, np.uint16)
    labels = np.zeros(height.shape, np.int32)
    np.copyto(height[inner], _levels(landscape, mask), where=mask)
    if strangers is not None:
        np.copyto(labels[inner], STRANGER, where=mask & strangers)
    np.copyto(labels[inner], seeds, where=mask & (seeds > 0))
    _advance(height.ravel(), labels.ravel(), face_steps(height.shape))
    return np.ascontiguousarray(labels[inner])


def height_range(landscape: NDArray[np.floating], mask: NDArray[np.bool_]) -> tuple[np.float32, np.float32]:
    """Lowest and highest value of a landscape (*S) within a mask; (inf, -inf) when that is empty."""
    inside = landscape[mask].astype(np.float32, copy=False)
    return inside.min(initial=np.inf), inside.max(initial=-np.inf)


def to_levels(
    landscape: NDArray[np.floating], mask: NDArray[np.bool_], low: np.float32, high: np.float32
) -> NDArray[np.uint8]:
    """Cut a landscape (*S) into 256 levels over `low` to `high`; 0 outside of the mask, or for no range."""
    levels = np.zeros(mask.shape, np.uint8)
    if low < high:
        inside = landscape[mask].astype(np.float32, copy=False)
        levels[mask] = np.rint((inside - low) * ((LEVELS - 1) / (high - low)))
    return levels


def face_steps(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """What leads from a voxel to its face neighbours in the flat array, in raster order.

    Example:
        >>> face_steps((5, 4)).tolist()
        [-4, -1, 1, 4]
    """
    strides = np.cumprod([1, *shape[:0:-1]])
    return np.concatenate([-strides[::-1], strides])


def _levels(landscape: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    if landscape.dtype == np.uint8:
        return landscape
    return to_levels(landscape, mask, *height_range(landscape, mask))


def _advance(height: NDArray[np.uint16], labels: NDArray[np.int32], steps: NDArray[np.intp]) -> None:
    """Fill `labels` in place; `height` becomes `LEVELS` where a voxel is taken."""
    queues: _Queues = [[] for _ in range(LEVELS)]
    seeds = np.concatenate([np.flatnonzero(labels < 0), np.flatnonzero(labels > 0)])
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
