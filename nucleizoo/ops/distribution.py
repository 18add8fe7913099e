"""The distribution of intensities of a volume that is read part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = 1_000_001
"""Points by which a distribution is known; a percentile of up to four decimals is one of them."""

_FINE = 1 << 20
"""Steps between the smallest and the largest value, for types with more values than can be counted."""

_PORTION = 1 << 16
"""Values that are converted and counted at once; four times as fast as a million."""

_COUNTED = (np.uint8, np.int8, np.uint16, np.int16)

Parts = Callable[[], Iterator[NDArray[Any]]]
"""Gives a volume part by part, as often as it is called."""


def sample_of(parts: Parts, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A small array with the minimum, the maximum and the percentiles of a large one.

    8 and 16 bit integers are counted, so their percentiles are exact; of other types they are exact to a
    millionth of the range.

    Args:
        parts: the large array; it is gone through once, or twice for other types.
        dtype: of the parts.

    Returns:
        Quantiles in equal steps, of this dtype; with NaN when there is one, or an infinite value.
    """
    if dtype.type in _COUNTED:
        low = int(np.iinfo(dtype).min)
        counts = np.zeros(int(np.iinfo(dtype).max) - low + 1, np.int64)
        for part in _portions(parts):
            shifted = part.astype(np.int32) - low if low else part
            counts += np.bincount(shifted, minlength=counts.size)
        return (_quantiles(counts) + low).astype(dtype)
    smallest, largest = np.inf, -np.inf
    for part in parts():
        least, most = float(part.min()), float(part.max())  # both NaN when there is one
        if not np.isfinite([least, most]).all():
            return np.array([np.nan])
        smallest, largest = min(smallest, least), max(largest, most)
    if smallest == largest:
        return np.array([smallest, largest], dtype)
    counts = np.zeros(_FINE + 1, np.int64)
    for part in _portions(parts):
        steps = np.rint((part.astype(np.float64) - smallest) * (_FINE / (largest - smallest)))
        counts += np.bincount(steps.astype(np.int64), minlength=counts.size)
    return (_quantiles(counts) * ((largest - smallest) / _FINE) + smallest).astype(dtype)


def _portions(parts: Parts) -> Iterator[NDArray[Any]]:
    """Flat pieces, small enough to be converted."""
    for part in parts():
        flat = part.ravel()
        for start in range(0, flat.size, _PORTION):
            yield flat[start : start + _PORTION]


def _quantiles(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Values at ranks in equal steps, of values 0, 1, ... that occur so often."""
    ranks = np.rint(np.linspace(0, counts.sum() - 1, min(QUANTILES, int(counts.sum())))).astype(np.int64)
    return np.searchsorted(np.cumsum(counts), ranks, "right")
