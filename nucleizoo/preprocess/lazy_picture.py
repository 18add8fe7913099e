"""Pictures that stay in their files: only the voxels of a crop are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Sample, Scaling
from nucleizoo.ops.grid import Box
from nucleizoo.ops.image.crops import crop
from nucleizoo.ops.image.resize import Resizing
from nucleizoo.preprocess.intensity_range import Limits
from nucleizoo.preprocess.layout import as_ids
from nucleizoo.preprocess.values import Values

_ROWS = 2**18
"""Voxels that are scaled at once."""


@dataclass(frozen=True, eq=False)
class LazyPicture:
    """One image or volume in its file, scaled and resampled part by part, with the result of a `Scan`.

    Attributes:
        values: of the file, in the channels used.
        at: which of its pictures this is.
        scaling: of the experiment.
        limits: of the scaling, on the whole file.
        resizing: from the voxels of the file to those that the network sees.
        spacing: voxel size after resampling in micrometres, in axis order; () when unknown.
        labels: integers, of a file with pictures of the same shape; None where there are none.
    """

    values: Values
    at: tuple[int, ...]
    scaling: Scaling
    limits: Limits
    resizing: Resizing
    spacing: tuple[float, ...]
    labels: Values | None = None

    @property
    def extent(self) -> tuple[int, ...]:
        """The spatial shape after resampling."""
        return self.resizing.new

    @property
    def nbytes(self) -> int:
        """It takes no memory."""
        return 0

    def cut(self, start: tuple[int, ...], size: tuple[int, ...]) -> Sample:
        """See `Picture`."""
        box = tuple(map(_inside, start, size, self.extent))
        seen = tuple(s - cut.start for s, cut in zip(start, box, strict=True))
        labels = None if self.labels is None else crop(self._labels(self.labels, box), seen, size)
        return Sample(crop(self.image(box), seen, size), labels, spacing=self.spacing)

    def image(self, box: Box) -> NDArray[np.float32]:
        """A part of the picture after resampling: (C, *size) in [-1, 1].

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        straight = self._straight(self.resizing.made_of(box))
        if self.resizing.is_needed:
            straight = np.stack([self.resizing.linear(channel, box) for channel in straight])
        return self._curved(straight)

    def _straight(self, box: Box) -> NDArray[np.float32]:
        """A part on the voxels of the file: (C, *size) in [0, 1], before the curve of the scaling."""
        raw, (lows, highs) = self.values.read(self.at, box), self.limits
        made = np.zeros(raw.shape, np.float32)
        rows = max(1, _ROWS // raw.shape[-1])
        for channel, *depth in np.ndindex(*raw.shape[:-2]):
            plane = (channel, *self.at, *(box[0].start + z for z in depth)) if lows.ndim else ()
            low, high = float(lows[plane]), float(highs[plane])
            if low >= high:
                continue  # a plane without contrast becomes 0
            for y in range(0, raw.shape[-2], rows):
                part = (channel, *depth, slice(y, y + rows))
                made[part] = self.scaling.between(raw[part], low, high)
        return made

    def _curved(self, straight: NDArray[np.float32]) -> NDArray[np.float32]:
        """[0, 1] to [-1, 1] along the curve of the scaling, in place."""
        rows = straight.reshape(-1, straight.shape[-1])
        step = max(1, _ROWS // rows.shape[-1])
        for y in range(0, len(rows), step):
            rows[y : y + step] = self.scaling.curve(rows[y : y + step]) * 2 - 1
        return straight

    def _labels(self, values: Values, box: Box) -> NDArray[np.int32]:
        stored = values.read(self.at, self.resizing.made_of(box))[0]
        return self.resizing.nearest(as_ids(stored, values.name), box)


def _inside(start: int, length: int, extent: int) -> slice:
    """A window along one axis; the whole axis where the window reaches beyond the border."""
    return slice(start, start + length) if start >= 0 and start + length <= extent else slice(0, extent)
