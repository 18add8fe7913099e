"""Weights, pictures and labels that are the same on every machine, and numbers that stand for large tensors.

The parity tests and the script that made their numbers with the published classes share this file. Random
numbers are the raw output of PCG64, which NumPy promises not to change; all that follows is exact in IEEE
arithmetic, and weights are exact in float32 too.
"""

import zlib

import numpy as np
import torch


def draws(name, shape):
    """Numbers in [-1, 1) by a name, (*shape) float64, multiples of 2^-20."""
    raw = np.random.PCG64(zlib.crc32(name.encode())).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(43)).astype(np.float64) / 2**20 - 1).reshape(shape)


def weight(name, shape):
    """A parameter: kernels of variance 1 / fan-in at most, factors of norms around 1, small biases."""
    drawn = draws(name, shape)
    if len(shape) > 1:
        fan_in = int(np.prod(shape[1:]))
        return drawn / 2 ** np.floor(np.log2(fan_in) / 2)
    return 1 + drawn / 4 if name.endswith("weight") else drawn / 8


def state_dict(prefix, shapes):
    """Tensors (float32) for the names and shapes of a published state dictionary."""
    return {
        name: torch.from_numpy(weight(f"{prefix}.{name}", tuple(shape)).astype(np.float32))
        for name, shape in shapes.items()
    }


def picture(name, shape):
    """A picture in [-1, 1), float64."""
    return torch.from_numpy(draws(name, shape))


def ones_at(name, shape, share):
    """0 and 1, float64; exactly `share` of every sample (the first axis) is 1."""
    order = draws(name, shape).reshape(shape[0], -1).argsort(axis=1, kind="stable").argsort(axis=1)
    return torch.from_numpy((order < share * order.shape[1]).astype(np.float64).reshape(shape))


def balls(shape, count=12, radius=7.0, depth=2.0):
    """Labels (*shape) int32 of balls that may touch, and the depth of every voxel in its ball (0 outside)."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    labels, inside = np.zeros(shape, np.int32), np.zeros(shape)
    for number, middle in enumerate((draws("middles", (count, 3)) + 1) / 2 * shape, 1):
        away = (grid - np.floor(middle)[:, None, None, None]) * np.array([depth, 1, 1])[:, None, None, None]
        deep = np.maximum(1 - np.sqrt((away**2).sum(0)) / radius, 0)
        labels[deep > inside], inside = number, np.maximum(inside, deep)
    return labels, inside


def noisy_maps(shape):
    """Maps of foreground, contour and distance as a network might give them, (3, *shape) uint8."""
    _, inside = balls(shape)
    noise = draws("maps", (3, *shape)) / 10
    maps = np.stack([1.4 * inside + 0.5, 1 - 2.5 * inside, 1.5 * inside]) + noise
    maps[0][inside == 0] = noise[0][inside == 0]
    return np.floor(255 * np.clip(maps, 0, 1)).astype(np.uint8)


def fingerprint(tensor):
    """Root mean square, the mean against fixed random factors, and eight values."""
    x = np.asarray(tensor.detach() if isinstance(tensor, torch.Tensor) else tensor, np.float64).ravel()
    some = np.linspace(0, len(x) - 1, 8).astype(int)
    return [float(np.sqrt(np.mean(x**2))), float(np.mean(x * draws("factors", x.shape))), *x[some].tolist()]


def gradient_fingerprints(gradients):
    """Of gradients by the published names: root mean square and mean against random factors of each."""
    return {name: fingerprint(gradient)[:2] for name, gradient in gradients.items()}


def in_raster_order(labels):
    """The number of labels, and a checksum of them that does not depend on how they are numbered."""
    found, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.zeros(len(found), np.int32)
    nuclei = [i for i in np.argsort(first) if found[i]]
    rank[nuclei] = np.arange(1, len(nuclei) + 1)
    return [len(nuclei), zlib.crc32(rank[inverse.reshape(labels.shape)].astype("<i4").tobytes())]
