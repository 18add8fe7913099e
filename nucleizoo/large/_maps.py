"""Maps of a whole volume on disk, a byte a voxel and map."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Channel
from nucleizoo.ops.grid import Box, size


class MapFile:
    """One file (K, *S) of uint8: 0 to 255 are the range of a map, [0, 1] or [-1, 1].

    Its whole size is taken from the disk at the start, so that a full disk is told then.

    Args:
        path: made if missing.
        channels: of the target.
        shape: (*S).

    Raises:
        OSError: when the disk is too small.
    """

    def __init__(self, path: Path, channels: tuple[Channel, ...], shape: tuple[int, ...]) -> None:
        self.channels, self.shape = channels, shape
        path.touch()
        self._file = path.open("r+b", buffering=0)
        total = len(channels) * math.prod(shape)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file.fileno(), 0, total)
        else:
            self._file.truncate(total)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def write(self, maps: NDArray[np.float32], box: Box) -> None:
        """Write maps (K, *size), in their ranges; only the first two axes may be parts.

        Raises:
            OSError: when the disk fails.
        """
        for index, (channel, one) in enumerate(zip(self.channels, maps, strict=True)):
            for at, plane in enumerate(one, start=box[0].start):
                self._file.seek(self._offset(index, at, box[1].start))
                rest = memoryview(to_bytes(plane, channel).tobytes())
                while rest:  # one call may write less, of a full disk or of 2 GB
                    rest = rest[self._file.write(rest) :]

    def read(self, box: Box) -> dict[str, NDArray[np.float32]]:
        """A part, by channel, in the channels' ranges."""
        return {
            channel.name: from_bytes(self._part(index, box), channel)
            for index, channel in enumerate(self.channels)
        }

    def _part(self, index: int, box: Box) -> NDArray[np.uint8]:
        part = np.empty(size(box), np.uint8)
        rows = box[1].stop - box[1].start
        row = self.shape[2:]
        for at, plane in enumerate(part, start=box[0].start):
            self._file.seek(self._offset(index, at, box[1].start))
            raw = self._file.read(rows * math.prod(row))
            plane[...] = np.frombuffer(raw, np.uint8).reshape(rows, *row)[(slice(None), *box[2:])]
        return part

    def _offset(self, index: int, first: int, second: int) -> int:
        return ((index * self.shape[0] + first) * self.shape[1] + second) * math.prod(self.shape[2:])


def to_bytes(map_: NDArray[np.float32], channel: Channel) -> NDArray[np.uint8]:
    """A map in its range -> 0 to 255, rounded.

    Example:
        >>> to_bytes(np.array([-1, 0, 1], np.float32), Channel("distance", "tanh")).tolist()
        [0, 128, 255]
    """
    share = (map_ + 1) / 2 if channel.activation == "tanh" else map_
    return np.asarray(np.rint(np.clip(share, 0, 1) * 255), np.uint8)


def from_bytes(stored: NDArray[np.uint8], channel: Channel) -> NDArray[np.float32]:
    """What `to_bytes` gave -> a map in its range."""
    share = stored.astype(np.float32) / np.float32(255)
    return share * 2 - 1 if channel.activation == "tanh" else share
