"""Those channels of a file that are used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import LazyVolume
from nucleizoo.ops.grid import Box, Grid
from nucleizoo.ops.image.intensity import luminance
from nucleizoo.preprocess.reader import Reader
from nucleizoo.preprocess.values import Values


class Channels:
    """The stored values that a run sees of a file; colours are grey if it wants them so.

    Args:
        values: of the file.
        reader: of the experiment.

    Raises:
        ImageReadError: when it has none of the channels that are wanted, or the choice is open.
    """

    def __init__(self, values: Values, reader: Reader) -> None:
        self.values = values
        self._grey, self._channel = _channel(values.open(), reader)

    def read(self, at: tuple[int, ...], box: Box) -> NDArray[Any]:
        """See `Values.read`."""
        return self._chosen(self.values.read(at, box, self._channel))

    def boxes(self, room: float, *, planes: bool) -> Grid:
        """See `Values.boxes`."""
        return self.values.boxes(room, self._channel, planes=planes)

    def all(self, box: Box | None = None) -> Iterator[NDArray[Any]]:
        """See `Values.all`."""
        return map(self._chosen, self.values.all(self._channel, box))

    def planes(self, box: Box | None = None) -> Iterator[NDArray[Any]]:
        """See `Values.planes`."""
        return map(self._chosen, self.values.planes(self._channel, box))

    def _chosen(self, data: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(luminance(np.moveaxis(data, 0, -1))[None]) if self._grey else data


def _channel(volume: LazyVolume, reader: Reader) -> tuple[bool, int | None]:
    """Whether colours become grey, and the only channel to read, once it is known how many there are."""
    count, wanted, channel = volume.channels, reader.spec.channels, reader.channel
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
