"""Marker watershed in numpy: whole fronts of voxels advance at once, level by level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 256
"""Number of height levels; one more stands for a voxel that the flood may not enter."""

_Queues = list[list[NDArray[np.intp]]]


STRANGER = -1
"""The label of voxels that may belong to a seed beyond the array; see `flood`."""


def flood(
    landscape: NDArray[np.float32] | NDArray[np.uint8],
    seeds: NDArray[np.int32],
    mask: NDArray[np.bool_],
    strangers: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Flood a landscape from seeds over faces, lowest voxels first, within the mask.

    A voxel belongs to the seed whose front arrives first. A front waits in the queue of the highest level
    that it has passed; within a level, first come is first served, and seeds start in raster order, so that
    ties have one outcome. scikit-image floods in the same order, except that seeds of one level start in no
    fixed order: the two agree wherever no voxel is equally near to two seeds.

    Time grows with the number of fronts as well as with that of voxels: corridors one voxel wide are slow.

    Args:
        landscape: (*S), finite. uint8 is used as it is, anything else is quantised to 256 levels over its
            range within the mask.
        seeds: (*S), 0 = not a seed; those outside the mask are ignored.
        mask: (*S), where labels are allowed; a component of it without a seed stays 0.
        strangers: (*S), where fronts may enter from beyond the array, if it is a part of a larger one: its
            outermost voxels on the cut sides. Those in the mask that are not seeds start as `STRANGER`,
            each at its own level and before all seeds. No front from beyond can be earlier: it enters at
            the level of the voxel that it enters, or above. From there on its path is the same, and of two
            fronts on one path the earlier stays earlier. So **every voxel that does not become `STRANGER`
            has the label that flooding the larger array gives it**.

    Returns:
        (*S), the numbers of the seeds.
    """
    # A rim of forbidden voxels around the array, so that fronts need no bounds check.
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
    """Lowest and highest value of a landscape (*S) within a mask; (inf, -inf) if the mask is empty."""
    inside = landscape[mask].astype(np.float32, copy=False)
    return inside.min(initial=np.inf), inside.max(initial=-np.inf)


def to_levels(
    landscape: NDArray[np.floating], mask: NDArray[np.bool_], low: np.float32, high: np.float32
) -> NDArray[np.uint8]:
    """Quantise a landscape (*S) to 256 levels from `low` to `high`; 0 outside the mask or without range."""
    levels = np.zeros(mask.shape, np.uint8)
    if low < high:
        inside = landscape[mask].astype(np.float32, copy=False)
        levels[mask] = np.rint((inside - low) * ((LEVELS - 1) / (high - low)))
    return levels


def face_steps(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Offsets from a voxel to its face neighbours in the flat array, in raster order.

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
            # The earliest claim wins: claims are written last to first, and the one still there has won.
            claim = np.arange(near.size, dtype=np.int32)
            labels[near[::-1]] = claim[::-1]
            won = np.flatnonzero(labels[near] == claim)
            near, open_ = near[won], open_[won]
            labels[near] = labels[front[open_ // steps.size]]
            height[near] = LEVELS
            _enqueue(queues, near, np.maximum(reached[open_], level))


def _enqueue(queues: _Queues, voxels: NDArray[np.intp], levels: NDArray[np.uint16]) -> None:
    """Append voxels to the queues of their levels, keeping their order."""
    order = np.argsort(levels, kind="stable")
    voxels = voxels[order]
    edges = np.searchsorted(levels[order], np.arange(LEVELS + 1))
    for level in np.flatnonzero(np.diff(edges)).tolist():
        queues[level].append(voxels[edges[level] : edges[level + 1]])
