"""Flows: vectors that lead every voxel of a nucleus to its middle [1], and where they lead.

[1] Stringer et al., Cellpose: a generalist algorithm for cellular segmentation, 2021, methods.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.image.geometry import voxel_shape

UNIT = 32.0
"""Maps of offsets are in units of so many pixels of the last axis; longer ones are clipped."""

_AT_ONCE = 2**15
"""Voxels that are followed together, so that they fit into the processor's cache."""


def middles(labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.intp]:
    """The voxel of every nucleus that is nearest to the median of its coordinates.

    Args:
        labels: (*S), 1..n, 0 = background.
        spacing: voxel size in micrometres, in axis order; () means isotropic.

    Returns:
        Flat indices, (n + 1,); -1 for numbers that are not used, and for the background.
    """
    voxel = voxel_shape(spacing, labels.ndim)
    found = np.full(labels.max(initial=0) + 1, -1, np.intp)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            inside = np.argwhere(labels[box] == number)
            far = ((inside - np.median(inside, axis=0)) * voxel) ** 2
            nearest = inside[far.sum(1).argmin()] + [cut.start for cut in box]
            found[number] = np.ravel_multi_index(tuple(nearest), labels.shape)
    return found


def heat_flow(
    labels: NDArray[np.int32], spacing: tuple[float, ...] = (), *, rounds: int = 0
) -> NDArray[np.float32]:
    """The direction in which heat from the middle of each nucleus came, for every voxel.

    In every round the middle gets a unit of heat, and every voxel the weighted mean of itself and its face
    neighbours; what is outside the nucleus stays cold.

    Args:
        labels: (*S), 1..n, each connected; 0 = background.
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        rounds: of diffusion; 0 for twice the sum of the sides of the largest bounding box, as in [1].

    Returns:
        (axes, *S), vectors of length 1; 0 in the background, in the middle, and where heat has no gradient.

    Raises:
        ValueError: when `spacing` does not match the axes.
    """
    voxel, dims = voxel_shape(spacing, labels.ndim), labels.ndim
    flow = np.zeros((dims, labels.size), np.float32)
    inside, near = _neighbours(labels)
    if not len(inside):
        return flow.reshape(dims, *labels.shape)
    if not rounds:
        boxes = [box for box in ndimage.find_objects(labels) if box is not None]
        rounds = 2 * max(sum(cut.stop - cut.start for cut in box) for box in boxes)
    starts = middles(labels, spacing)
    hot = np.searchsorted(inside, starts[starts >= 0])
    weights = np.repeat([1 / edge**2 for edge in voxel], 2)
    weights, own = weights / (1 + weights.sum()), 1 / (1 + weights.sum())
    heat = np.zeros(len(inside) + 1)  # the last is what is outside
    for _ in range(rounds):
        heat[hot] += 1
        mixed = own * heat
        for weight, one in zip(weights, near, strict=True):
            mixed[:-1] += weight * heat[one]
        heat = mixed
    heat = np.log1p(heat)
    steps = zip(near[::2], near[1::2], voxel, strict=True)
    slope = np.stack([(heat[after] - heat[before]) / edge for before, after, edge in steps])
    length = np.sqrt((slope**2).sum(0))
    flow[:, inside] = np.divide(slope, length, out=np.zeros_like(slope), where=length > 0)
    flow[:, inside[hot]] = 0  # rounding would choose the direction
    return flow.reshape(dims, *labels.shape)


def _neighbours(labels: NDArray[np.int32]) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """Flat indices of the voxels of nuclei; and of these, the one before and the one after along each axis.

    A neighbour that is not of the same nucleus has the number of voxels as its place.
    """
    inside = np.flatnonzero(labels)
    place = np.full(tuple(n + 2 for n in labels.shape), len(inside), np.intp)
    around = np.zeros(place.shape, labels.dtype)
    here = (slice(1, -1),) * labels.ndim
    around[here] = labels
    place[here].flat[inside] = np.arange(len(inside))
    own = np.flatnonzero(around)
    near = []
    for axis, side in itertools.product(range(labels.ndim), (-1, 1)):
        other = own + side * (place.strides[axis] // place.itemsize)
        same = around.flat[other] == around.flat[own]
        near.append(np.where(same, place.flat[other], len(inside)))
    return inside, near


def follow(
    flow: NDArray[np.float32], voxels: NDArray[np.intp], *, steps: int, furthest: tuple[int, ...]
) -> NDArray[np.float32]:
    """Let voxels drift along a flow, which is interpolated between voxels.

    The result at a voxel depends on the flow within `furthest` and one voxel of it, and on nothing else.

    Args:
        flow: (axes, *S), voxels per step along each axis.
        voxels: flat indices (N) of those that drift.
        steps: number of them.
        furthest: along each axis, in voxels; a voxel goes no further.

    Returns:
        How far each has come, (axes, N), in voxels.
    """
    parts = range(0, max(len(voxels), 1), _AT_ONCE)
    gone = [_followed(flow, voxels[i : i + _AT_ONCE], steps, furthest) for i in parts]
    return np.concatenate(gone, axis=1)


def _followed(
    flow: NDArray[np.float32], voxels: NDArray[np.intp], steps: int, furthest: tuple[int, ...]
) -> NDArray[np.float32]:
    shape, dims = flow.shape[1:], len(flow)
    start = np.stack(np.unravel_index(voxels, shape)).astype(np.intp)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(dims)]
    fields = [one.ravel() for one in flow]
    gone = np.zeros((dims, len(voxels)), np.float32)
    for _ in range(steps):
        whole = np.floor(gone)
        share = gone - whole
        places: list[Any] = [0]
        weights: list[Any] = [1]
        for axis, length in enumerate(shape):  # the corners of the cell of voxels around each place
            low = start[axis] + whole[axis].astype(np.intp)
            ends = [np.clip(low + side, 0, length - 1) * strides[axis] for side in (0, 1)]
            places = [place + end for place in places for end in ends]
            weights = [weight * part for weight in weights for part in (1 - share[axis], share[axis])]
        for axis, field in enumerate(fields):
            moved = sum(weight * field[place] for weight, place in zip(weights, places, strict=True))
            gone[axis] = np.clip(gone[axis] + moved, -furthest[axis], furthest[axis])
    return gone
