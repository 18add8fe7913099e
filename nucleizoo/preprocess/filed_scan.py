"""Pictures that stay in their files; of a crop, its own voxels alone are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Sample
from nucleizoo.ops.grid import Box
from nucleizoo.ops.image.crops import crop
from nucleizoo.ops.image.resize import Resizing
from nucleizoo.preprocess.layout import as_ids
from nucleizoo.preprocess.parts import Parts
from nucleizoo.preprocess.values import Values


@dataclass(frozen=True, eq=False)
class FiledScan:
    """One image or volume in its file, scaled and resampled crop by crop as a `Scan` is at once.

    Attributes:
        parts: of the file.
        at: which of its pictures this is.
        resizing: from the voxels of the file to those that the network sees.
        spacing: voxel size after resampling in micrometres, in axis order; () when unknown.
        labels: of a file with pictures of the same shape, integers; None where there are none.
    """

    parts: Parts
    at: tuple[int, ...]
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
        straight = self.parts.straight(self.at, self.resizing.made_of(box))
        if self.resizing.is_needed:
            straight = np.stack([self.resizing.linear(channel, box) for channel in straight])
        return self.parts.curved(straight)

    def _labels(self, values: Values, box: Box) -> NDArray[np.int32]:
        stored = values.read(self.at, self.resizing.made_of(box))[0]
        return self.resizing.nearest(as_ids(stored, values.name), box)


def _inside(start: int, length: int, extent: int) -> slice:
    """What there is of a window along one axis; all, where it reaches beyond the border."""
    return slice(start, start + length) if start >= 0 and start + length <= extent else slice(0, extent)
