"""Warping of samples: planes are misaligned, lost, deformed, stretched, rotated and mirrored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nucleizoo.ops.image.degrade import Slip
from nucleizoo.ops.image.geometry import centre_crop, flip

T = TypeVar("T", bound=np.generic)

_FARTHEST = 4.0
"""Displacements are clipped at this many times their root mean square, so that their reach is finite."""


@dataclass(frozen=True, eq=False)
class Movement:
    """The warp of one sample, the same for its image, its clean copy and its labels.

    Attributes:
        size: of the result, (Z, Y, X), cropped from the middle.
        slip: misalignment, which comes first; None for none.
        lost: the planes that are then removed.
        positions: (2, Y, X) where planes are then read, in voxels from their middle; None: they are cropped.
        quarters: number of quarter turns that follow, from y towards x.
        swapped: whether y and x are swapped after that.
        mirrored: whether z, y and x are mirrored last.
    """

    size: tuple[int, ...]
    slip: Slip | None = None
    lost: tuple[int, ...] = ()
    positions: NDArray[np.float32] | None = None
    quarters: int = 0
    swapped: bool = False
    mirrored: tuple[bool, ...] = (False, False, False)

    def __call__(self, array: NDArray[T], *, nearest: bool = False) -> NDArray[T]:
        """Warp an array: (..., Z, H, W) -> (..., *size), same dtype, contiguous.

        Args:
            array: float32, or any dtype for `nearest`.
            nearest: True for labels, which must not be interpolated.
        """
        if self.slip is not None:
            array = self.slip(array, nearest=nearest)
        if self.lost:
            array = np.delete(array, self.lost, axis=-3)
        if self.positions is None:
            array = centre_crop(array, self.size)
        else:
            array = centre_crop(array, (self.size[0], *array.shape[-2:]))
            array = read_planes(array, self.positions, nearest=nearest)
        array = np.rot90(array, self.quarters, axes=(-2, -1))
        return flip(array.swapaxes(-2, -1) if self.swapped else array, self.mirrored)


def stretch(size: Sequence[int], zoom: Iterable[float]) -> tuple[NDArray[np.float32], ...]:
    """Rows (Y,) and columns (X,), in voxels from the middle, at which reading a plane magnifies it."""
    return tuple(
        ((np.arange(n) - (n - 1) / 2) / z).astype(np.float32) for n, z in zip(size, zoom, strict=True)
    )


def displacement(alpha: float, sigma: float) -> float:
    """Root mean square, in voxels and along one axis, of the displacement that `bend` draws.

    Of noise uniform in [-alpha, alpha], a Gaussian of `sigma` leaves 1 / (2 sqrt(pi) sigma) of the root
    mean square: 0.65 voxels at the paper's 16 and 4.
    """
    return alpha / math.sqrt(3) / (2 * math.sqrt(math.pi) * sigma)


def farthest(alpha: float, sigma: float) -> float:
    """The longest displacement that `bend` draws, in voxels along one axis."""
    return _FARTHEST * displacement(alpha, sigma)


def bend(
    rng: np.random.Generator,
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    *,
    alpha: float,
    sigma: float,
) -> NDArray[np.float32]:
    """A smooth random displacement at rows x columns: white noise, blurred with a Gaussian.

    The noise is drawn on knots `sigma` apart, which after the blur is like noise in every voxel; the blur
    is two small matrix products.

    Args:
        rng: draws the noise.
        rows: (Y,) positions along y, in voxels, in any order.
        columns: (X,) positions along x.
        alpha: amplitude of the noise before the blur, in voxels.
        sigma: of the Gaussian, in voxels, above 0.

    Returns:
        (2, Y, X) displacements along y and x, in voxels, none longer than `farthest(alpha, sigma)`.
    """
    down, across = _kernel(rows, sigma), _kernel(columns, sigma)
    knots = (2, down.shape[1], across.shape[1])
    noise = torch.from_numpy(rng.standard_normal(knots, dtype=np.float32))
    # multiplied by torch, because numpy's threads would take cores from training
    smooth = displacement(alpha, sigma) * (down @ noise @ across.T)
    longest = farthest(alpha, sigma)
    bent: NDArray[np.float32] = smooth.clamp_(-longest, longest).numpy()
    return bent


def _kernel(positions: NDArray[np.float32], sigma: float) -> Tensor:
    """(n, knots): Gaussian weights of the knots at every position, so that unit noise stays unit noise."""
    first, last = positions.min() / sigma - 4, positions.max() / sigma + 4
    knots = np.arange(math.floor(first), math.ceil(last) + 1)
    weights = np.exp(-((positions[:, None] / sigma - knots) ** 2) / 2)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return torch.from_numpy(weights.astype(np.float32))


def read_planes(array: NDArray[T], positions: NDArray[np.float32], *, nearest: bool = False) -> NDArray[T]:
    """Read every plane at the same positions: (..., H, W) -> (..., Y, X), same dtype.

    Args:
        array: float32 for linear interpolation, any dtype for `nearest`.
        positions: (2, Y, X) rows and columns, in voxels from the middle of the plane; beyond its
            border the plane is mirrored, the border voxel not repeated.
        nearest: True for labels, which must not be interpolated.
    """
    *front, height, width = array.shape
    size = positions.shape[1:]
    if nearest:
        row, column = (_fold(p, n) for p, n in zip(positions, (height, width), strict=True))
        found: NDArray[T] = array.reshape(*front, height * width).take(row * width + column, axis=-1)
        return found
    # planes are torch's channels here, so that its kernel computes every neighbourhood only once
    planes = torch.from_numpy(np.ascontiguousarray(array)).view(1, -1, height, width)
    halves = torch.tensor([max(width - 1, 1), max(height - 1, 1)]) / 2
    grid = torch.from_numpy(positions[::-1].copy()).permute(1, 2, 0) / halves
    read = F.grid_sample(planes, grid[None], padding_mode="reflection", align_corners=True)
    made: NDArray[Any] = read.numpy().reshape(*front, *size)
    return made


def _fold(positions: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """Positions from the middle of n voxels -> the nearest voxel, reflected at the border."""
    period = max(2 * n - 2, 1)
    index: NDArray[np.intp] = np.rint(positions + np.float32((n - 1) / 2)).astype(np.intp) % period
    return np.minimum(index, period - index, out=index) if n > 1 else index
