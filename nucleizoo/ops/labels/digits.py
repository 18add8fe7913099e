"""Labels as three digits of base 256, which maps hold exactly: they are stored with 256 values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BASE = 256

COUNT = 3
"""Of digits."""


def to_digits(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Labels (*S) -> their digits (3, *S), the lowest first, as shares of 255.

    Raises:
        ValueError: for a label below 0 or of more digits.

    Example:
        >>> (to_digits(np.array([2, 256 + 3], np.int32)) * 255).round().astype(int).tolist()
        [[2, 3], [0, 1], [0, 0]]
    """
    if labels.size and not 0 <= labels.min() <= labels.max() < BASE**COUNT:
        raise ValueError(
            f"labels must be 0 to {BASE**COUNT - 1}, got {labels.min()} to {labels.max()}; number them anew"
        )
    digits = np.stack([labels // BASE**place % BASE for place in range(COUNT)])
    return digits.astype(np.float32) / np.float32(BASE - 1)


def from_digits(digits: NDArray[np.float32]) -> NDArray[np.int32]:
    """The inverse of `to_digits`: (3, *S) -> labels (*S)."""
    whole = np.rint(digits * (BASE - 1)).astype(np.int32)
    powers = BASE ** np.arange(COUNT, dtype=np.int32)
    return np.asarray(np.tensordot(powers, whole, axes=1), np.int32)
