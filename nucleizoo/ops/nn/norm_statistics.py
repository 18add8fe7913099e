"""The means and variances over space of a network's norms: collected, pooled, and replaced.

Instance and group normalisation and squeeze and excitation use statistics of the whole picture. In a tile
they use the tile's statistics, and a nucleus looks different in every tile that it is in. Layers that need
statistics over space ask `moments` for them; inside `watched` these can be collected, and replaced by those
of a whole picture or of the training. Layers are identified by their order in a pass, which must be the same
in every pass of a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """The statistics of the channels of one layer.

    Attributes:
        count: number of values per channel.
        mean: (C,) float64.
        variance: (C,) float64, the biased one.
    """

    count: float
    mean: Tensor
    variance: Tensor

    def pooled(self, other: Moments) -> Moments:
        """The moments of all values of both.

        Example:
            >>> one, two = (Moments.of(torch.tensor([[values]])) for values in ([1.0, 2.0], [6.0]))
            >>> both = one.pooled(two)
            >>> both.count, both.mean.item(), round(both.variance.item(), 3)
            (3.0, 3.0, 4.667)
        """
        total = self.count + other.count
        share, apart = other.count / total, other.mean - self.mean
        variance = self.variance + share * (other.variance - self.variance)
        return Moments(total, self.mean + share * apart, variance + share * (1 - share) * apart.square())

    @classmethod
    def of(cls, x: Tensor) -> Moments:
        """The moments of (B, C, *S), over batch and space."""
        return cls._over_batch(x[:, 0].numel(), *own_moments(x))

    @classmethod
    def _over_batch(cls, values: int, mean: Tensor, variance: Tensor) -> Moments:
        mean, variance = mean.double().cpu(), variance.double().cpu()
        spread = mean.var(0, correction=0)
        return cls(float(values), mean.mean(0), variance.mean(0) + spread)


@dataclass
class Statistics:
    """The moments of all layers of a network, in the order of a pass."""

    layers: list[Moments] = field(default_factory=list)

    def add(self, place: int, seen: Moments) -> None:
        """Pool the moments of a layer in one pass with earlier ones of that layer."""
        if place == len(self.layers):
            self.layers.append(seen)
        else:
            self.layers[place] = self.layers[place].pooled(seen)

    def tensors(self) -> dict[str, Tensor]:
        """All moments as float64 tensors by name, to be saved in a file."""
        return {
            f"{place:04d}": torch.stack([torch.full_like(one.mean, one.count), one.mean, one.variance])
            for place, one in enumerate(self.layers)
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Statistics:
        """Restore from the result of `tensors`."""
        parts = (tensors[name].unbind() for name in sorted(tensors))
        return cls([Moments(float(number[0]), mean, variance) for number, mean, variance in parts])


@dataclass
class _Watch:
    into: Statistics | None
    given: Sequence[Moments] | None
    places: Iterator[int] = field(default_factory=count)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        place = next(self.places)
        if self.into is not None:
            self.into.add(place, Moments.of(x))
        if self.given is None:
            return own_moments(x)
        assert place < len(self.given), "statistics of another network"
        known, dtype = self.given[place], _wide_dtype(x)
        mean, variance = (m.to(x.device, dtype).expand(len(x), -1) for m in (known.mean, known.variance))
        return mean, variance


_watch: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(*, into: Statistics | None = None, given: Statistics | None = None) -> Iterator[None]:
    """Collect or replace the statistics of one forward pass of a network, without gradient.

    Args:
        into: pools the moments of every layer's input in this pass.
        given: moments that layers normalise with instead of their input's.
    """
    token = _watch.set(_Watch(into, given.layers if given is not None else None))
    try:
        yield
    finally:
        _watch.reset(token)


def is_watched() -> bool:
    """Whether layers must ask `moments`, because their statistics are collected or replaced."""
    return _watch.get() is not None


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """The means and variances that a layer normalises its input with.

    Args:
        x: (B, C, *S), what the layer normalises.

    Returns:
        Two (B, C), at least float32: those of x, or those that were given to `watched`.
    """
    watch = _watch.get()
    return own_moments(x) if watch is None else watch.moments(x)


def own_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of every channel of every sample (B, C, *S): two (B, C)."""
    mean = _mean(x)
    centred, off = centre(x, mean)
    return mean, _mean(centred * centred) - off.square()


def centre(x: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """X (B, C, *S) minus its mean (B, C) rounded to the precision of x, and the rest of the mean."""
    rounded = mean.to(x.dtype)
    return x - rounded[wide(x)], mean - rounded


def wide(x: Tensor) -> tuple[Any, ...]:
    """The index that spreads (B, C) over the spatial axes of x."""
    return (..., *(None,) * (x.ndim - 2))


def total(x: Tensor) -> Tensor:
    """The sum over space, (B, C), at least float32."""
    return x.sum(tuple(range(2, x.ndim)), dtype=_wide_dtype(x))


def _mean(x: Tensor) -> Tensor:
    return total(x) / x[0, 0].numel()


def _wide_dtype(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
