"""Blending weights of overlapping windows: predictions in the middle of a window have more context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from nucleizoo.ops.grid import Box

Ramp = Callable[[int], Tensor]
"""A window's length -> its weights along one axis, (length,), not negative."""

Terms = Sequence[tuple[float, Ramp]]
"""The weight of a voxel is the sum over terms of a factor times its ramps along all axes."""


def triangle(length: int) -> Tensor:
    """1 in the middle, falling linearly to the rim."""
    ramp = torch.minimum(torch.arange(1, length + 1), torch.arange(length, 0, -1)).float()
    return ramp / ramp.max()


def bell(length: int, *, width: float) -> Tensor:
    """A Gaussian, 1 in the middle; `width` is its standard deviation as a share of the length."""
    place = torch.arange(length) - (length - 1) / 2
    return torch.exp(-0.5 * (place / (width * length)) ** 2)


LINEAR: Terms = ((1.0, triangle),)
"""Weights that fall linearly from the middle of a window to its rim."""


class WindowWeights:
    """The weights of windows over an array.

    Args:
        blending: the weights of a window, above 0 everywhere.
        window: its length per axis.
        starts: where windows begin, per axis.
        shape: of the array, or of the window where it is larger.

    Attributes:
        weights: of a window, (*window) above 0.
    """

    def __init__(
        self, blending: Terms, window: Sequence[int], starts: Sequence[Sequence[int]], shape: Sequence[int]
    ) -> None:
        terms = [(factor, [ramp(length) for length in window]) for factor, ramp in blending]
        self.weights = _total([(factor, ramps) for factor, ramps in terms])
        self._sums = [
            (factor, [_summed(ramp, at, n) for ramp, at, n in zip(ramps, starts, shape, strict=True)])
            for factor, ramps in terms
        ]

    def divide(self, sums: Tensor, box: Box) -> Tensor:
        """Weighted sums (K, *size), divided in place by the sum of the weights of all windows in a box."""
        parts = [
            (factor, [along[cut].to(sums.device) for along, cut in zip(axes, box, strict=True)])
            for factor, axes in self._sums
        ]
        if len(parts) == 1:
            for axis, along in enumerate(parts[0][1]):
                sums /= along.reshape(-1, *(1,) * (len(box) - axis - 1))
            return sums
        for at, plane in enumerate(sums.unbind(1)):  # plane by plane, so that the weights need no memory
            plane /= _total([(factor * float(axes[0][at]), axes[1:]) for factor, axes in parts])
        return sums


def _total(terms: Sequence[tuple[float, Sequence[Tensor]]]) -> Tensor:
    """The sum of terms, each a factor times an outer product."""
    products = [factor * reduce(_outer, axes) for factor, axes in terms]
    return torch.stack(products).sum(0) if len(products) > 1 else products[0]


def _outer(product: Tensor, ramp: Tensor) -> Tensor:
    return product[..., None] * ramp


def _summed(ramp: Tensor, starts: Sequence[int], length: int) -> Tensor:
    """The sum of the weights of all windows along one axis, (length,)."""
    total = torch.zeros(max(length, len(ramp)))
    for start in starts:
        total[start : start + len(ramp)] += ramp
    return total
