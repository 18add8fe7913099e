"""Ranges of raw intensities, and grey from colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_RED_GREEN_BLUE = np.array([0.2125, 0.7154, 0.0721])
"""Weights of luminance (CRT primaries, as in scikit-image)."""


def min_max_range(raw: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest value of an array of any shape; NaN if it contains NaN."""
    return float(raw.min()), float(raw.max())


def percentile_range(raw: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """The `low` and `high` percentile of an array; NaN if it contains NaN.

    Args:
        raw: any shape, any real dtype.
        low: in [0, 100].
        high: in [0, 100].
    """
    bottom, top = np.percentile(raw, (low, high))
    return float(bottom), float(top)


def dtype_range(dtype: DTypeLike) -> tuple[float, float]:
    """The nominal range of a data type: 0 to its maximum for integers, 0 to 1 otherwise."""
    dtype = np.dtype(dtype)
    return 0.0, float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0


def luminance(rgb: NDArray[Any]) -> NDArray[Any]:
    """Grey from colour, 0.2125 R + 0.7154 G + 0.0721 B: (..., 3) -> (...), same dtype.

    Integers are rounded. Grey stays as it is.

    Raises:
        ValueError: for another number of channels.

    Example:
        >>> luminance(np.array([[255, 0, 0], [9, 9, 9]], np.uint8)).tolist()
        [54, 9]
    """
    if rgb.shape[-1] != 3:
        raise ValueError(f"luminance needs 3 channels on the last axis, got an array of {rgb.shape}")
    grey = sum(rgb[..., i] * weight for i, weight in enumerate(_RED_GREEN_BLUE))
    return (np.rint(grey) if rgb.dtype.kind in "bui" else np.asarray(grey)).astype(rgb.dtype)
