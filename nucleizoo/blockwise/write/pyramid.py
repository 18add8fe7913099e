"""Labels at one resolution after the other, as arrays of Zarr 3, by any number of processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.state.block_store import done_in
from nucleizoo.blockwise.step import Step
from nucleizoo.blockwise.write.result import Result, units
from nucleizoo.io import zarr_library
from nucleizoo.ops.grid import Box, Grid

SMALLEST = 256
"""OME-Zarr halves the resolution until no axis is longer than this."""


@dataclass(frozen=True, eq=False)
class Level:
    """One resolution of a pyramid, a step of its writing.

    Units are whole chunks, so that no two write one. What a unit gives is made beside the array and moved
    there file by file: a process that dies leaves no chunk half, one that does a unit again puts the same
    files in the place of the first.

    Attributes:
        result: what is written.
        number: 0 has all voxels.
        shape: (*S) of this level.
        scale: edges of its voxels in micrometres, or in voxels of the volume where that is not known.
        read: a part of this level -> its labels.
    """

    result: Result
    number: int
    shape: tuple[int, ...]
    scale: tuple[float, ...]
    read: Callable[[Box], NDArray[Any]]

    def __len__(self) -> int:
        return len(self._grid)

    def missing(self) -> Iterator[int]:
        """The units that are not written."""
        if self._marks.exists() and not self._folder.exists():  # for it is in its place already
            shutil.rmtree(self._marks)
        self._marks.mkdir(exist_ok=True)
        return map(int, np.flatnonzero(~done_in(self._marks, ".done", len(self))))

    def do(self, index: int) -> None:
        """Write one unit, and what describes the array.

        Raises:
            UserError: without the package zarr.
            OSError: when the disk is full.
        """
        box, result = self._grid.box(index), self.result
        with TemporaryDirectory(dir=self._marks) as part:
            array = zarr_library().create_array(
                part, shape=self.shape, dtype=result.dtype, chunks=result.chunk, fill_value=0,
                dimension_names=list(result.axes), config={"write_empty_chunks": True},
            )  # fmt: skip
            array[box] = self.read(box).astype(result.dtype)
            for file in [path for path in Path(part).rglob("*") if path.is_file()]:
                place = self._folder / file.relative_to(part)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, place)
        (self._marks / f"{index:07d}.done").touch()

    def join(self) -> None:
        """Nothing is to be put together."""

    def coarser(self) -> Level:
        """The next level: every other voxel along the axes that are halved."""
        factor = _halving(self.scale, self.shape)
        shape = tuple(-(-n // f) for n, f in zip(self.shape, factor, strict=True))
        scale = tuple(s * f for s, f in zip(self.scale, factor, strict=True))
        return Level(self.result, self.number + 1, shape, scale, partial(self._every_other, factor))

    def _every_other(self, factor: tuple[int, ...], box: Box) -> NDArray[Any]:
        sides = zip(box, factor, self.shape, strict=True)
        wide = tuple(slice(c.start * f, min(c.stop * f, n)) for c, f, n in sides)
        return np.asarray(self._array[wide][tuple(slice(None, None, f) for f in factor)])

    @cached_property
    def _array(self) -> Any:
        """As it was written."""
        return zarr_library().open_array(self._folder, mode="r")

    @cached_property
    def _grid(self) -> Grid:
        return units(self.shape, self.result)

    @property
    def _folder(self) -> Path:
        return pyramid(self.result) / str(self.number)

    @property
    def _marks(self) -> Path:
        return self.result.scratch / f"level-{self.number}"


def levels(result: Result) -> list[Level]:
    """All resolutions, the finest first."""
    scale = result.spacing or (1.0,) * len(result.shape)
    found = [Level(result, 0, result.shape, scale, lambda box: result.labels().read(box))]
    while max(found[-1].shape) > SMALLEST:
        found.append(found[-1].coarser())
    return found


def level_steps(result: Result) -> dict[str, Step]:
    """The writing of all levels, in order."""
    return {f"level-{level.number}": level for level in levels(result)}


def pyramid(result: Result) -> Path:
    """Where the levels lie until all are written: on the file system of the result."""
    return result.scratch / "pyramid"


def _halving(scale: tuple[float, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """2 along the axes whose voxels are not yet the longest ones, so that they become cubes."""
    fine = [2 if edge < 1.5 * min(scale) and n > 1 else 1 for edge, n in zip(scale, shape, strict=True)]
    return tuple(fine) if max(fine) > 1 else (2,) * len(shape)
