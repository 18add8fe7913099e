"""Smooth random fields, interpolated from coarse lattices by cubic splines: noise, and cells."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_POWER = 151 / 315
"""Integral of the squared cubic B-spline: the share of white noise's variance that is left, per axis."""


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], grain: tuple[float, ...]
) -> NDArray[np.float32]:
    """Smooth noise of mean 0 and variance 1.

    Args:
        rng: the only source of randomness.
        shape: (*S) of the field.
        grain: distance between bright and dark spots, in voxels per axis; values below 1 count as 1.

    Returns:
        (*shape), normally distributed; voxels more than four grains apart are independent.
    """
    weights = []
    for n, step in zip(shape, grain, strict=True):
        step = max(step, 1.0)
        first = 1 + rng.random()  # random, so that all voxels are equally likely to be on the lattice
        weights.append(_splines(first + np.arange(n) / step, math.ceil(n / step) + 4))
    lattice = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    lattice /= np.float32(_POWER ** (len(shape) / 2))
    return _drawn_out(lattice, weights)


def membranes(
    labels: NDArray[np.int32], rng: np.random.Generator, *, radius: float, voxel: tuple[float, ...]
) -> NDArray[np.float32]:
    """Distance of voxels from the border of their cell, in units of about the depth of a cell.

    Each voxel belongs to the nearest nucleus, or to one of a few cells whose nucleus is elsewhere. Every
    cell draws a sign, + or -; smoothed, the signs are 0 halfway between opposite neighbours. With three
    draws, one pair of neighbours in eight has no membrane.

    Args:
        labels: (*S), 0 = background.
        rng: the only source of randomness.
        radius: of a typical nucleus.
        voxel: edge lengths of a voxel, in axis order.

    Returns:
        (*S) in [0, 1], 0 on a membrane.
    """
    step = tuple(max(1, round(length)) for length in in_voxels(0.3 * radius, voxel))
    seeds = labels[tuple(slice(None, None, every) for every in step)].copy()
    extent = np.multiply(labels.shape, voxel)
    number = 1 + int(np.prod(extent / (6 * radius)))
    places = tuple(rng.integers(0, seeds.shape, (number, labels.ndim)).T)
    names = int(labels.max()) + 1 + np.arange(number, dtype=np.int32)
    seeds[places] = np.where(seeds[places] == 0, names, seeds[places])
    edges = np.multiply(step, voxel)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, sampling=edges, return_distances=False, return_indices=True
    )
    signs = rng.choice(np.array([-1, 1], np.float32), (3, names[-1] + 1))
    cells = signs[:, seeds[tuple(nearest)]]
    smooth = ndimage.gaussian_filter(cells, (0, *(0.3 * radius / edges)))
    depth: NDArray[np.float32] = np.abs(enlarge(smooth, labels.shape, step)).min(axis=0)
    return depth


def enlarge(
    coarse: NDArray[np.float32], shape: tuple[int, ...], step: tuple[int, ...]
) -> NDArray[np.float32]:
    """Interpolate a field of which every `step`-th voxel is given; this smooths it slightly.

    Args:
        coarse: (..., *S), such as fine[..., ::step, ::step].
        shape: (*S) of the result.
        step: voxels from one value to the next, per axis.

    Returns:
        (..., *shape), within the range of `coarse`.
    """
    weights = []
    for n, m, every in zip(shape, coarse.shape[-len(shape) :], step, strict=True):
        share = _splines(np.arange(n) / every, m)
        weights.append(share / share.sum(axis=1, keepdims=True))
    return _drawn_out(coarse, weights)


def blurred(light: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Gaussian blur, for large deviations on every few voxels alone.

    Args:
        light: (*S).
        deviation: in voxels.

    Returns:
        (*S).
    """
    step = (max(1, int(deviation / 2)),) * light.ndim
    if max(step) == 1:
        return ndimage.gaussian_filter(light, deviation, truncate=3)  # type: ignore[no-any-return]
    coarse = light[tuple(slice(None, None, every) for every in step)]
    return enlarge(ndimage.gaussian_filter(coarse, deviation / step[0], truncate=3), light.shape, step)


def in_voxels(length: float, voxel: tuple[float, ...]) -> tuple[float, ...]:
    """A length in voxels, per axis; `voxel` has their edges in the unit of the length."""
    return tuple(length / edge for edge in voxel)


def _splines(positions: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """(n, count): cubic B-spline weights of `count` lattice points, at 0, 1, 2, ..., at n positions."""
    apart = np.abs(positions[:, None] - np.arange(count))
    near = 2 / 3 - apart**2 + apart**3 / 2
    far = np.maximum(2 - apart, 0) ** 3 / 6
    return np.where(apart < 1, near, far).astype(np.float32)


def _drawn_out(lattice: NDArray[np.float32], weights: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(..., *M) times one matrix (n, m) per axis: (..., *N), contiguous.

    Matrix products are much faster here than scipy's zoom: most of the time is that of the last axis.
    """
    for axis, weight in enumerate(weights[:-1], start=-len(weights)):
        rest = lattice.shape[axis + 1 :]
        flat = weight @ lattice.reshape(*lattice.shape[: axis + 1], -1)
        lattice = flat.reshape(*flat.shape[:-1], *rest)
    return lattice @ weights[-1].T
