"""Smooth random fields, coarse lattices of numbers drawn out by cubic splines: noise, and cells."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_POWER = 151 / 315
"""Integral of the squared cubic B-spline: the variance that is left of white noise, an axis."""


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], grain: tuple[float, ...]
) -> NDArray[np.float32]:
    """Noise without edges, of mean 0 and variance 1.

    Args:
        rng: the only source of randomness.
        shape: (*S) of the field.
        grain: how far bright and dark spots are apart, in voxels an axis; below one voxel is one.

    Returns:
        (*shape), normally distributed; voxels further apart than four grains are independent.
    """
    weights = []
    for n, step in zip(shape, grain, strict=True):
        step = max(step, 1.0)
        first = 1 + rng.random()  # no voxel of any field is more likely to lie on the lattice than others
        weights.append(_splines(first + np.arange(n) / step, math.ceil(n / step) + 4))
    lattice = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    lattice /= np.float32(_POWER ** (len(shape) / 2))
    return _drawn_out(lattice, weights)


def membranes(
    labels: NDArray[np.int32], rng: np.random.Generator, *, radius: float, voxel: tuple[float, ...]
) -> NDArray[np.float32]:
    """How far voxels are from the border of their cell, in units in which a cell is about 1 deep.

    Space belongs to the nearest nucleus, or to one of a few cells whose nucleus is elsewhere. Every
    cell draws + or -; smoothed, the signs are 0 halfway between opposite neighbours. Three draws leave
    one pair in eight without a membrane.

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
    """The smooth field of which every `step`-th voxel is given, slightly smoothed.

    Args:
        coarse: (..., *S), such as fine[..., ::step, ::step].
        shape: (*S) of the result.
        step: voxels from one value to the next, an axis.

    Returns:
        (..., *shape), within the range of `coarse`.
    """
    weights = []
    for n, m, every in zip(shape, coarse.shape[-len(shape) :], step, strict=True):
        share = _splines(np.arange(n) / every, m)
        weights.append(share / share.sum(axis=1, keepdims=True))
    return _drawn_out(coarse, weights)


def in_voxels(length: float, voxel: tuple[float, ...]) -> tuple[float, ...]:
    """A length in voxels, an axis; `voxel` has their edges in the unit of the length."""
    return tuple(length / edge for edge in voxel)


def _splines(positions: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """(n, count): what each of `count` lattice points, at 0, 1, 2, ..., gives to n positions."""
    apart = np.abs(positions[:, None] - np.arange(count))
    near = 2 / 3 - apart**2 + apart**3 / 2
    far = np.maximum(2 - apart, 0) ** 3 / 6
    return np.where(apart < 1, near, far).astype(np.float32)


def _drawn_out(lattice: NDArray[np.float32], weights: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(..., *M) times one matrix (n, m) an axis: (..., *N), contiguous.

    Matrix products are faster here than scipy's zoom by far: the time is that of the last axis.
    """
    for axis, weight in enumerate(weights[:-1], start=-len(weights)):
        rest = lattice.shape[axis + 1 :]
        flat = weight @ lattice.reshape(*lattice.shape[: axis + 1], -1)
        lattice = flat.reshape(*flat.shape[:-1], *rest)
    return lattice @ weights[-1].T
