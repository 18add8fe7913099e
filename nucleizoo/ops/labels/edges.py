"""Edges of nuclei: outlines of fixed width and rims that scale with the nucleus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.labels.distance import relative_distance


def rims(
    labels: NDArray[np.int32], share: float, spacing: tuple[float, ...] = (), *, border: bool = False
) -> NDArray[np.bool_]:
    """Voxels whose depth in their nucleus is less than `share` of its greatest depth.

    Args:
        labels: (*S), 0 = background.
        share: in [0, 1]; 0 gives no rim, and the deepest voxel is never in it.
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        border: whether everything beyond the array is background, so that cut nuclei have a rim there.

    Returns:
        (*S).

    Raises:
        ValueError: when `spacing` does not match the axes.
    """
    if share <= 0:
        return np.zeros(labels.shape, bool)
    return (labels > 0) & (relative_distance(labels, spacing, border=border) < share)


def outlines(labels: NDArray[np.int32], width: int = 1) -> NDArray[np.int32]:
    """The voxels of every nucleus within `width` steps along an axis of another label, the rest 0.

    The array's border is not an edge.

    Args:
        labels: (*S), 0 = background.
        width: voxels, at least 1.

    Returns:
        (*S), each voxel with its own label.
    """
    edge = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        ahead = np.swapaxes(labels, 0, axis)
        step = ahead[1:] != ahead[:-1]
        view = np.swapaxes(edge, 0, axis)
        view[1:] |= step
        view[:-1] |= step
    if width > 1:
        edge = ndimage.binary_dilation(edge, iterations=width - 1)
    # The dilated edge of one nucleus may reach into a neighbour, but no further than the neighbour's own.
    return np.where(edge, labels, 0)


def contours(labels: NDArray[np.int32], dilate: int = 1) -> NDArray[np.bool_]:
    """Bands along every edge between two labels, plane by plane, on both sides of the edge.

    A voxel is on an edge when its two neighbours along y, or along x, have different labels. The array's
    border is not an edge, and neither is a change from one plane to the next.

    Args:
        labels: (*S), 0 = background; any numbers.
        dilate: steps by which the band of two voxels is dilated, including corners: 1 makes it four wide.

    Returns:
        (*S).
    """
    band = np.zeros(labels.shape, bool)
    for axis in (-2, -1):
        ahead = np.moveaxis(labels, axis, 0)
        ahead = np.concatenate([ahead[:1], ahead, ahead[-1:]])
        np.moveaxis(band, axis, 0)[:] |= ahead[2:] != ahead[:-2]
    for axis in (-2, -1) * dilate:
        narrow, wide = np.moveaxis(band.copy(), axis, 0), np.moveaxis(band, axis, 0)
        wide[1:] |= narrow[:-1]
        wide[:-1] |= narrow[1:]
    return band
