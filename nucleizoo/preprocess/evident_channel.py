"""The channel of a picture that shows nuclei, where its values leave no doubt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CONTRAST = (1.0, 99.8)
"""Percentiles between which a channel's contrast is measured."""

EMPTY = 0.1
"""Share of the largest contrast below which a channel shows nothing."""

LOOKED_AT = 2**20
"""Values of a channel that are looked at, evenly spaced."""

BRIGHT = 0.5
"""Share of the brightest above which the median of a channel is a bright background."""


def evident_channel(data: NDArray[np.generic]) -> str:
    """Choose from several channels: the only one that shows anything, or the grey of a bright field.

    Args:
        data: (..., C) of any real type, C being 2 or more.

    Returns:
        An index, or 'luminance' for colours (C is 3) on a bright background, as of stained tissue; '' where
        it is in doubt.
    """
    pixels = data.reshape(-1, data.shape[-1])
    values = pixels[:: -(-len(pixels) // LOOKED_AT)].T.astype(np.float32)
    low, high = np.percentile(values, CONTRAST, axis=1)
    shown = np.flatnonzero(high - low > EMPTY * (high - low).max())
    if shown.size == 1:
        return str(shown[0])
    is_bright = np.median(values, axis=1) > BRIGHT * np.maximum(high, 0)
    return "luminance" if len(values) == 3 and is_bright.all() else ""
