"""Run-length encoding of labels: a tenth of their size in memory, and fast to decode in part."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nucleizoo.ops.grid import Box

Runs = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Where runs start in the flat array, and their labels."""


def to_runs(labels: NDArray[np.int32]) -> Runs:
    """Encode labels (*S) of fewer than 2**31 voxels.

    Example:
        >>> [part.tolist() for part in to_runs(np.array([[0, 0, 7], [7, 7, 0]], np.int32))]
        [[0, 2, 5], [0, 7, 0]]
    """
    flat = labels.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])).astype(np.int32)
    return starts, flat[starts]


def lengths(starts: NDArray[np.int32], total: int) -> NDArray[np.int32]:
    """Voxels per run."""
    return np.diff(starts, append=np.int32(total))


def from_runs(runs: Runs, shape: tuple[int, ...], part: Box) -> NDArray[np.int32]:
    """Decode a part of labels of a shape; planes of the first axis outside it are skipped."""
    starts, values = runs
    plane = math.prod(shape[1:])
    low, high = part[0].start * plane, part[0].stop * plane
    first, last = np.searchsorted(starts, low, "right") - 1, np.searchsorted(starts, high, "left")
    edges = np.clip(np.append(starts[first:last], high), low, high)
    flat = np.repeat(values[first:last], np.diff(edges))
    return flat.reshape(-1, *shape[1:])[(slice(None), *part[1:])]
