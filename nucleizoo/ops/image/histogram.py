"""The distribution of intensities of a volume that is read part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = 1_000_001
"""Points of a distribution; every percentile of up to four decimals is one of them."""

_FINE = 1 << 20
"""Steps between the smallest and the largest value, for types with more values than can be counted."""

_PORTION = 1 << 16
"""Values that are converted and counted at once; four times as fast as with a million."""

_COUNTED = (np.uint8, np.int8, np.uint16, np.int16)

Span = tuple[float, float]
"""The smallest and the largest value."""


def known_span(dtype: np.dtype[Any]) -> Span | None:
    """The span within which every value of a type is counted; None for types that have too many."""
    if dtype.type not in _COUNTED:
        return None
    return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)


def span_of(parts: Iterable[NDArray[Any]]) -> Span:
    """The span of all parts; not finite as soon as a value is NaN or infinite, which ends the search."""
    smallest, largest = np.inf, -np.inf
    for part in parts:
        low, high = float(part.min()), float(part.max())
        if not np.isfinite(low + high):
            return low, high
        smallest, largest = min(smallest, low), max(largest, high)
    return smallest, largest


def counts_of(parts: Iterable[NDArray[Any]], dtype: np.dtype[Any], span: Span) -> NDArray[np.int64]:
    """The histogram of all values; the counts of the parts of an array add up to those of the array.

    Args:
        parts: of this dtype.
        dtype: 8 and 16 bit integers are counted value by value, others in a million steps.
        span: `known_span`, or that of the whole array: two different finite values.
    """
    smallest, largest = span
    if dtype.type in _COUNTED:
        low = int(smallest)
        counts = np.zeros(int(largest) - low + 1, np.int64)
        for part in _portions(parts):
            shifted = part.astype(np.int32) - low if low else part
            counts += np.bincount(shifted, minlength=counts.size)
        return counts
    counts = np.zeros(_FINE + 1, np.int64)
    for part in _portions(parts):
        steps = np.rint((part.astype(np.float64) - smallest) * (_FINE / (largest - smallest)))
        counts += np.bincount(steps.astype(np.int64), minlength=counts.size)
    return counts


def sample_of(counts: NDArray[np.int64], dtype: np.dtype[Any], span: Span) -> NDArray[Any]:
    """A small array with the minimum, the maximum and the percentiles of a large one.

    Percentiles of 8 and 16 bit integers are exact, because every value is counted; those of other types are
    exact to a millionth of the range.

    Args:
        counts: from `counts_of`.
        dtype: of the array.
        span: that `counts_of` was given.

    Returns:
        Quantiles in equal steps, in this dtype.
    """
    smallest, largest = span
    if dtype.type in _COUNTED:
        return (_quantiles(counts) + int(smallest)).astype(dtype)
    return (_quantiles(counts) * ((largest - smallest) / _FINE) + smallest).astype(dtype)


def _portions(parts: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Flat pieces, small enough to be converted."""
    for part in parts:
        flat = part.ravel()
        for start in range(0, flat.size, _PORTION):
            yield flat[start : start + _PORTION]


def _quantiles(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Values at ranks in equal steps, where value i occurs `counts[i]` times."""
    ranks = np.rint(np.linspace(0, counts.sum() - 1, min(QUANTILES, int(counts.sum())))).astype(np.int64)
    return np.searchsorted(np.cumsum(counts), ranks, "right")
