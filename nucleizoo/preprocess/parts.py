"""A file as the network sees it, part by part: what is wanted of it is read, and no more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Scaling
from nucleizoo.ops.grid import Box
from nucleizoo.preprocess.channels import Channels
from nucleizoo.preprocess.intensity_range import Limits

_ROWS = 2**18
"""Voxels that are scaled at once."""


class Parts:
    """The pictures of a file on its own voxels; intensities are scaled as of the whole.

    Args:
        channels: of the file.
        scaling: of the experiment.
        limits: of the scaling, on this file.
    """

    def __init__(self, channels: Channels, scaling: Scaling, limits: Limits) -> None:
        self.channels, self.scaling, self.limits = channels, scaling, limits
        self._low, self._high = limits

    def straight(self, at: tuple[int, ...], box: Box) -> NDArray[np.float32]:
        """A part of a picture: (C, *size) in [0, 1], before the curve of the scaling.

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        raw = self.channels.read(at, box)
        made = np.zeros(raw.shape, np.float32)
        rows = max(1, _ROWS // raw.shape[-1])
        for channel, *depth in np.ndindex(*raw.shape[:-2]):
            plane = (channel, *at, *(box[0].start + z for z in depth)) if self._low.ndim else ()
            low, high = float(self._low[plane]), float(self._high[plane])
            if low >= high:
                continue  # a plane without contrast becomes 0
            for y in range(0, raw.shape[-2], rows):
                part = (channel, *depth, slice(y, y + rows))
                made[part] = self.scaling.between(raw[part], low, high)
        return made

    def curved(self, straight: NDArray[np.float32]) -> NDArray[np.float32]:
        """[0, 1] to [-1, 1] along the curve of the scaling, where it lies."""
        rows = straight.reshape(-1, straight.shape[-1])
        step = max(1, _ROWS // rows.shape[-1])
        for y in range(0, len(rows), step):
            rows[y : y + step] = self.scaling.curve(rows[y : y + step]) * 2 - 1
        return straight
