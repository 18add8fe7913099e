"""A file as the network sees it, part by part: what is wanted of it is read, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.ops.distribution import sample_of
from nucleizoo.ops.grid import Box
from nucleizoo.ops.intensity import luminance
from nucleizoo.reading._reader import Reader
from nucleizoo.reading._values import Values
from nucleizoo.volumes import LazyVolume

_ROWS = 2**18
"""Voxels that are scaled at once."""


Limits = tuple[NDArray[np.float64], NDArray[np.float64]]
"""What becomes 0 and 1: of the whole file, (), or (channels, *outer, depth) of every plane."""


class Parts:
    """The pictures of a file on its own voxels; intensities are scaled as of the whole.

    Args:
        values: of the file.
        reader: of the experiment.
        limits: of an earlier time, so that it need not be gone through again; None measures them when they
            are asked for first.

    Raises:
        ImageReadError: when its channels are none that can be used.
    """

    def __init__(self, values: Values, reader: Reader, limits: Limits | None = None) -> None:
        self.values, self.scaling = values, reader.scaling
        self._grey, self._channel = _channel(values.open(), reader)
        self._known = limits

    @cached_property
    def limits(self) -> Limits:
        """Of the scaling; all of the file is gone through once.

        Raises:
            ImageReadError: when intensities are none that can be used, or a part of it cannot be read.
        """
        return self._known or self._limits()

    def straight(self, at: tuple[int, ...], box: Box) -> NDArray[np.float32]:
        """A part of a picture: (C, *size) in [0, 1], before the curve of the scaling.

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        raw = self._chosen(self.values.read(at, box, self._channel))
        made, (lows, highs) = np.zeros(raw.shape, np.float32), self.limits
        rows = max(1, _ROWS // raw.shape[-1])
        for channel, *depth in np.ndindex(*raw.shape[:-2]):
            plane = (channel, *at, *(box[0].start + z for z in depth)) if lows.ndim else ()
            low, high = float(lows[plane]), float(highs[plane])
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

    def _chosen(self, data: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(luminance(np.moveaxis(data, 0, -1))[None]) if self._grey else data

    def _limits(self) -> Limits:
        try:
            if self.scaling.over == "image":
                return self._of_planes()
            sample = sample_of(self._all, self.values.dtype)
            if np.isfinite(sample).all() and sample.min() == sample.max():
                raise ImageReadError(f"{self.values.name}: has the value {sample[0]} everywhere; remove it")
            low, high = self.scaling.limits(sample)
            self.scaling.between(sample[:2], low, high)  # refuses what is no range
        except ValueError as error:
            raise ImageReadError(f"{self.values.name}: {error}; see the key SCALING") from error
        return np.array(low), np.array(high)

    def _of_planes(self) -> Limits:
        planes = map(self._chosen, self.values.planes(self._channel))
        limits = np.array([self._of_plane(one) for plane in planes for one in plane], np.float64)
        limits = limits.reshape(*self.values.outer, *self.values.shape[:-2], -1, 2)
        low, high = np.moveaxis(limits, (-1, -2), (0, 1))
        return low, high

    def _of_plane(self, plane: NDArray[Any]) -> tuple[float, float]:
        low, high = float(plane.min()), float(plane.max())
        return self.scaling.limits(plane) if low != high else (low, high)

    def _all(self) -> Iterator[NDArray[Any]]:
        return map(self._chosen, self.values.all(self._channel))


def _channel(volume: LazyVolume, reader: Reader) -> tuple[bool, int | None]:
    """Whether colours become grey, and the only channel to read, once it is known how many there are."""
    count, wanted, channel = volume.channels, reader.frame.channels, reader.channel
    if channel == "luminance" and count in (1, 3):
        return count == 3, None
    if channel.isdigit() and int(channel) < count:
        return False, int(channel)
    if channel in ("auto", "all") and count == wanted:
        return False, None
    choices = ["'luminance'"] * (count == 3) + [f"'{i}'" for i in range(count)]
    raise ImageReadError(
        f"{volume.name}: has {count} channels, which '{channel}' does not fit; set the key CHANNEL to "
        f"{', '.join(choices)}"
    )
