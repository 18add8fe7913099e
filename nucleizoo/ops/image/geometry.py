"""Voxel geometry: flips, rotation, zoom and crops of one array or its labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


def voxel_shape(spacing: Sequence[float], dims: int) -> tuple[float, ...]:
    """Voxel edge lengths in units of the last axis: (1.75, 0.8, 0.8) um -> (2.1875, 1, 1).

    Args:
        spacing: voxel size in micrometres, in axis order; () means isotropic.
        dims: number of spatial axes.

    Raises:
        ValueError: when there are not `dims` values, or one is not above 0.
    """
    if not len(spacing):
        return (1.0,) * dims
    if len(spacing) != dims or min(spacing) <= 0:
        raise ValueError(f"spacing needs {dims} values above 0, got {tuple(spacing)}")
    return tuple(float(s) / float(spacing[-1]) for s in spacing)


def ball_radius(size: float, dims: int) -> float:
    """Radius of the disc or ball with so many voxels."""
    return math.sqrt(size / math.pi) if dims == 2 else (size * 3 / (4 * math.pi)) ** (1 / 3)


@dataclass(frozen=True)
class Voxels:
    """The voxels of a file, beside those that the network sees of it.

    Attributes:
        dims: number of spatial axes.
        spacing: edges of the file's voxels in micrometres, in axis order; () when unknown.
        magnification: voxels that the network sees per voxel of the file, per axis; () for as many.

    Raises:
        ValueError: when there are not `dims` values, or one is not above 0.

    Example:
        >>> fine = Voxels(3, magnification=(0.5, 0.25, 0.25))  # the network sees cubes
        >>> fine.along(2.0), fine.number(3)
        ((4.0, 8.0, 8.0), 96)
    """

    dims: int
    spacing: tuple[float, ...] = ()
    magnification: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _ = self.edges, voxel_shape(self.magnification, self.dims)

    @property
    def edges(self) -> tuple[float, ...]:
        """Edge lengths in units of the last axis; where unknown, those that the network sees are cubes."""
        return voxel_shape(self.spacing or self.magnification, self.dims)

    @property
    def pixels(self) -> float:
        """Pixels of the file per pixel that the network sees, along the last axis."""
        return 1 / self.magnification[-1] if self.magnification else 1.0

    def along(self, length: float) -> tuple[float, ...]:
        """A length in pixels of the last axis that the network sees -> in voxels of the file, per axis."""
        return tuple(length * self.pixels / edge for edge in self.edges)

    def number(self, seen: float) -> int:
        """A number of voxels that the network sees -> that of as much space in the file."""
        return round(seen / math.prod(self.magnification))


def centre_crop(array: NDArray[T], size: tuple[int, ...]) -> NDArray[T]:
    """The middle of the last `len(size)` axes, a view: (..., *S) -> (..., *size).

    Raises:
        ValueError: when the array is smaller than `size` along any axis.
    """
    shape = array.shape[-len(size) :]
    if any(have < want for have, want in zip(shape, size, strict=True)):
        raise ValueError(f"cannot cut a crop of {size} out of an array of {shape}")
    starts = [(have - want) // 2 for have, want in zip(shape, size, strict=True)]
    cuts: list[slice | EllipsisType] = [...]
    cuts += [slice(start, start + want) for start, want in zip(starts, size, strict=True)]
    return array[tuple(cuts)]


def flip(array: NDArray[T], mirrored: Sequence[bool]) -> NDArray[T]:
    """Mirror those of the last `len(mirrored)` axes that are True; contiguous, same shape.

    Example:
        >>> flip(np.array([[1, 2], [3, 4]]), (False, True)).tolist()
        [[2, 1], [4, 3]]
    """
    steps: list[slice | EllipsisType] = [...]
    steps += [slice(None, None, -1 if turned else 1) for turned in mirrored]
    return np.ascontiguousarray(array[tuple(steps)])


def extent(size: tuple[int, ...], degrees: float, zoom: float = 1.0) -> tuple[int, ...]:
    """The crop that `resample` needs so that `size` is filled at every angle up to `degrees`.

    Args:
        size: (Y, X) or (Z, Y, X).
        degrees: largest in-plane angle on either side, in [0, 90].
        zoom: the smallest magnification.

    Returns:
        Size in the same axis order, at least `size`.
    """
    *depth, height, width = size
    turn = math.radians(degrees)

    def diagonal(along: int, across: int) -> float:
        widest = min(turn, math.atan2(across, along))  # where along cos + across sin peaks
        return along * math.cos(widest) + across * math.sin(widest)

    needed = (*map(float, depth), diagonal(height, width), diagonal(width, height))
    return tuple(max(n, math.ceil(want / zoom)) for n, want in zip(size, needed, strict=True))


def resample(
    array: NDArray[T],
    size: tuple[int, ...],
    *,
    degrees: float = 0.0,
    zoom: float = 1.0,
    nearest: bool = False,
) -> NDArray[T]:
    """Rotate in the (y, x) plane, magnify along all axes, and crop the middle to `size`.

    Args:
        array: (..., *S), float32 for linear interpolation, any dtype for `nearest`.
        size: the two or three last axes of the result.
        degrees: in-plane angle; positive turns the picture clockwise, with y pointing down.
        zoom: magnification; 2 shows nuclei twice as large.
        nearest: True for labels, which must not be interpolated.

    Returns:
        (..., *size), same dtype; beyond the border the array is mirrored.

    Raises:
        ValueError: when nothing has to be resampled and the array is smaller than `size`.
    """
    if degrees == 0 and zoom == 1:
        return np.ascontiguousarray(centre_crop(array, size))
    if len(size) == 3:
        array = _along_depth(array, size[0], zoom, nearest)
    return _in_plane(array, size[-2:], math.radians(degrees), zoom, nearest)


def _along_depth(array: NDArray[Any], depth: int, zoom: float, nearest: bool) -> NDArray[Any]:
    """Magnify axis -3 about its middle and crop it to `depth` planes."""
    n = array.shape[-3]
    if zoom == 1 and n >= depth:
        start = (n - depth) // 2
        return array[..., start : start + depth, :, :]
    low, share = _split(_centred(depth) / zoom + (n - 1) / 2, n, nearest)
    near: NDArray[Any] = array.take(low, axis=-3)
    if nearest:
        return near
    near += share[:, None, None] * (array.take(low + min(1, n - 1), axis=-3) - near)
    return near


def _in_plane(
    array: NDArray[Any], size: tuple[int, ...], turn: float, zoom: float, nearest: bool
) -> NDArray[Any]:
    """Rotate and magnify the last two axes: all other axes share one set of indices."""
    height, width = array.shape[-2:]
    y, x = _centred(size[0])[:, None] / zoom, _centred(size[1])[None] / zoom
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    top, share_y = _split(cos * y - sin * x + (height - 1) / 2, height, nearest)
    left, share_x = _split(sin * y + cos * x + (width - 1) / 2, width, nearest)
    flat = array.reshape(*array.shape[:-2], height * width)
    first, down, right = top * width + left, width * min(1, height - 1), min(1, width - 1)
    upper: NDArray[Any] = flat.take(first, axis=-1)
    if nearest:
        return upper
    upper += share_x * (flat.take(first + right, axis=-1) - upper)
    lower = flat.take(first + down, axis=-1)
    lower += share_x * (flat.take(first + (down + right), axis=-1) - lower)
    upper += share_y * (lower - upper)
    return upper


def _centred(n: int) -> NDArray[np.float32]:
    """Coordinates of n voxels from their middle."""
    return np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2)


def _split(
    position: NDArray[np.float32], n: int, nearest: bool
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """On an axis of n voxels: the voxel before each position, and the share of the one after it.

    Positions beyond the axis are reflected without repeating its border voxel. For `nearest`, the voxel is
    the nearest one.
    """
    if position.min() < 0 or position.max() > n - 1:
        folded = np.abs(position) % max(2 * n - 2, 1)
        position = np.minimum(folded, np.abs(2 * n - 2 - folded))
    if nearest:
        return np.rint(position).astype(np.intp), position
    before = np.minimum(position.astype(np.intp), max(n - 2, 0))
    return before, position - before.astype(np.float32)
