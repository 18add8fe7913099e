"""Maps of a whole volume on disk, one byte per voxel and map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.state.block_store import done_in, unreadable
from nucleizoo.contracts import Channel
from nucleizoo.core.files import atomic
from nucleizoo.ops.grid import Box, Grid, common, inside, size
from nucleizoo.ops.image.resize import Resizing

Write = Callable[[NDArray[np.float32]], None]
"""Takes the next plane of the first axis, (K, *rest), in the ranges of the maps."""


class MapStore:
    """One file per region, (planes, K, *rest) of uint8: 0 to 255 span the range of a map, [0, 1] or [-1, 1].

    Args:
        folder: for the files; made if missing.
        channels: of the target.
        grid: the regions.
    """

    def __init__(self, folder: Path, channels: tuple[Channel, ...], grid: Grid) -> None:
        self.folder, self.channels, self.grid = folder, channels, grid
        folder.mkdir(parents=True, exist_ok=True)

    def done(self) -> NDArray[np.bool_]:
        """Which regions are complete."""
        return done_in(self.folder, ".maps", len(self.grid))

    @contextmanager
    def writing(self, index: int) -> Iterator[Write]:
        """Write one region plane by plane; its file appears when it is complete.

        Raises:
            OSError: when the disk is full.
        """
        with atomic(self._file(index), sync=False) as part, part.open("wb") as file:

            def write(plane: NDArray[np.float32]) -> None:
                for channel, one in zip(self.channels, plane, strict=True):
                    file.write(channel.to_bytes(one).tobytes())

            yield write

    def read(self, box: Box) -> dict[str, NDArray[np.float32]]:
        """A part of the volume, by channel, in the channels' ranges.

        Raises:
            UserError: when a file is gone or damaged.
        """
        return {channel.name: channel.from_bytes(one) for channel, one in self._stored(box)}

    def read_resampled(self, resizing: Resizing, box: Box) -> dict[str, NDArray[np.float32]]:
        """Like `read`, resampled to other voxels; one map at a time, because the originals may be far larger.

        Args:
            resizing: from the voxels of the maps.
            box: on the new voxels.
        """
        return {
            channel.name: resizing.linear(channel.from_bytes(one), box)
            for channel, one in self._stored(resizing.made_of(box))
        }

    def _stored(self, box: Box) -> Iterator[tuple[Channel, NDArray[np.uint8]]]:
        stored = np.empty((len(self.channels), *size(box)), np.uint8)
        for index in self.grid.touching(box):
            core = self.grid.box(index)
            part = common(box, core)
            self._read(index, inside(part, core), stored[(slice(None), *inside(part, box))])
        return zip(self.channels, stored, strict=True)

    def _read(self, index: int, part: Box, into: NDArray[np.uint8]) -> None:
        """A part of a region; only the rows asked for are read of its planes."""
        _, *rest = size(self.grid.box(index))
        row, rows = math.prod(rest[1:]), part[1].stop - part[1].start
        try:
            with self._file(index).open("rb", buffering=0) as file:
                for at, plane in enumerate(np.moveaxis(into, 1, 0), start=part[0].start):
                    for channel, one in enumerate(plane):
                        file.seek(((at * len(self.channels) + channel) * rest[0] + part[1].start) * row)
                        raw = np.frombuffer(file.read(rows * row), np.uint8)
                        one[...] = raw.reshape(rows, *rest[1:])[(slice(None), *part[2:])]
        except (OSError, ValueError) as error:
            raise unreadable(self._file(index), error) from error

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:07d}.maps"
