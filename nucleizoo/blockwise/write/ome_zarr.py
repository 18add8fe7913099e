"""Labels as a multiscale pyramid of OME-Zarr 0.5 [1], each level written by any number of processes.

[1] https://ngff.openmicroscopy.org/0.5: axes, scales and multiscales. Written by hand, because the package
    ome-zarr has 36 dependencies.
"""

from __future__ import annotations

import os
import secrets
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
from nucleizoo.blockwise.write.result import Result, write_grid
from nucleizoo.io import FULL_MARK, MARK, add_checksum, check_replaceable, zarr_library
from nucleizoo.ops.grid import Box, Grid

SMALLEST = 256
"""The resolution is halved until no axis is longer than this."""


@dataclass(frozen=True, eq=False)
class Level:
    """One level of a pyramid: a step whose tasks are whole chunks, so that no two write the same one.

    A task writes its chunks beside the array and moves them into it file by file: a process that dies
    leaves no partial chunk, and a repeated task replaces files by the same ones.

    Attributes:
        result: what is written.
        number: 0 is the full resolution.
        shape: (*S) of this level.
        scale: edges of its voxels in micrometres, or in voxels of the volume where the spacing is unknown.
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
        """The tasks that are not done."""
        if self._marks.exists() and not self._folder.exists():  # the pyramid was moved to the result
            shutil.rmtree(self._marks)
        self._marks.mkdir(exist_ok=True)
        return map(int, np.flatnonzero(~done_in(self._marks, ".done", len(self))))

    def do(self, index: int) -> None:
        """Write the chunks of one task, and the metadata of the array.

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
                target = self._folder / file.relative_to(part)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, target)
        (self._marks / f"{index:07d}.done").touch()

    def join(self) -> None:
        """Nothing to merge."""

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
        """The array that was written."""
        return zarr_library().open_array(self._folder, mode="r")

    @cached_property
    def _grid(self) -> Grid:
        return write_grid(self.shape, self.result)

    @property
    def _folder(self) -> Path:
        return _pyramid(self.result) / str(self.number)

    @property
    def _marks(self) -> Path:
        return self.result.scratch / f"level-{self.number}"


def level_steps(result: Result) -> dict[str, Step]:
    """The steps that write the levels, in order."""
    return {f"level-{level.number}": level for level in _levels(result)}


def write_ome_zarr(path: Path, result: Result) -> None:
    """Add the metadata of a pyramid to levels that are written, and move it to its path.

    An older result is moved to the scratch folder and removed with it, because moving takes no time.

    Raises:
        ForeignFileError: when there is something else at the path.
        UserError: without the package zarr.
        OSError: when the disk is full.
    """
    with TemporaryDirectory(dir=result.scratch) as part:
        group = zarr_library().open_group(part, mode="w", zarr_format=3)
        group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(path, result)]}
        group.attrs[MARK] = {"software": FULL_MARK} | result.metadata
        os.replace(Path(part) / "zarr.json", _pyramid(result) / "zarr.json")
    add_checksum(_pyramid(result))
    check_replaceable(path, "zarr")
    if os.path.lexists(path):
        os.replace(path, result.scratch / f"replaced-{secrets.token_hex(4)}")
    os.replace(_pyramid(result), path)


def _levels(result: Result) -> list[Level]:
    """All levels, the finest first."""
    scale = result.spacing or (1.0,) * len(result.shape)
    levels = [Level(result, 0, result.shape, scale, lambda box: result.labels().read(box))]
    while max(levels[-1].shape) > SMALLEST:
        levels.append(levels[-1].coarser())
    return levels


def _pyramid(result: Result) -> Path:
    """Where the levels are until all are written: on the file system of the result."""
    return result.scratch / "pyramid"


def _multiscale(path: Path, result: Result) -> dict[str, Any]:
    """The metadata of OME-Zarr; levels take every other voxel, so all have the same origin."""
    known = {"unit": "micrometer"} if result.spacing else {}
    return {
        "name": path.name.removesuffix(".ome.zarr"),
        "axes": [{"name": axis, "type": "space", **known} for axis in result.axes],
        "datasets": [
            {
                "path": str(level.number),
                "coordinateTransformations": [{"type": "scale", "scale": list(map(float, level.scale))}],
            }
            for level in _levels(result)
        ],
    }


def _halving(scale: tuple[float, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """2 along the axes with the finer voxels, so that voxels become cubes."""
    fine = [2 if edge < 1.5 * min(scale) and n > 1 else 1 for edge, n in zip(scale, shape, strict=True)]
    return tuple(fine) if max(fine) > 1 else (2,) * len(shape)
