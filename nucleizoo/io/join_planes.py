"""Join planes in separate files, as light-sheet microscopes write them, into one volume."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.io.hdf5 import Disk
from nucleizoo.io.hdf5_metadata import name_axes
from nucleizoo.ops.grid import Grid

CHUNK = (32, 64, 64)
"""Voxels that are stored together: small enough for crops in training, see docs/performance.md."""

ROOM = 2**28
"""Approximate bytes in memory at once."""


def join_planes(
    planes: Sequence[Path], out: Path, spacing: tuple[float, ...] = (), *, gaps: bool = False
) -> Iterator[tuple[int, int]]:
    """Write planes as the dataset 'image' of an HDF5 file.

    Args:
        planes: one or more grey pictures of one shape and type, in order; one given twice counts once.
        out: the file; an older result is replaced when the new one is complete.
        spacing: voxel size in micrometres, z, y, x; () when unknown.
        gaps: whether the numbers in the names of planes may have gaps.

    Yields:
        The number of parts written so far, and of all parts.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        UserError: for an output that is not .h5 or .hdf5, or planes with gaps.
        ImageReadError: for a plane that cannot be read, or is not like the first.
        OSError: when the disk is full.
    """
    if out.is_dir():
        raise UserError(f"{out}: is a folder; name a file in it")
    if out.suffix.lower() not in (".h5", ".hdf5"):
        raise UserError(f"{out}: planes are joined into HDF5; call the file {out.with_suffix('.h5').name}")
    planes = list({file.resolve(): file for file in planes}.values())
    io.check_replaceable(out, "h5")
    if not gaps:
        _check_numbers(planes)
    with _opened(planes[0]) as first:
        like = first
    shape = (len(planes), *like.shape)
    chunk = tuple(map(min, CHUNK, shape))
    rows = max(1, ROOM // (chunk[0] * shape[2] * like.dtype.itemsize) // chunk[1]) * chunk[1]
    grid = Grid(shape, (chunk[0], rows, shape[2]))
    out.parent.mkdir(parents=True, exist_ok=True)
    with io.replacing(out, "h5") as part, Disk(part, "r+") as disk, h5py.File(disk, "w") as file:
        file.attrs["software"] = io.FULL_MARK
        data = file.create_dataset(
            "image", shape, like.dtype.newbyteorder("="),
            chunks=chunk, compression="gzip", compression_opts=1, shuffle=True, fletcher32=True,
        )  # fmt: skip
        if spacing:
            data.attrs["voxel_size_um_zyx"] = spacing
        name_axes(data, "zyx")
        for index in range(len(grid)):
            depth, *across = grid.box(index)
            data[grid.box(index)] = np.stack([_part(one, like, tuple(across)) for one in planes[depth]])
            disk.check()
            yield index + 1, len(grid)


def _check_numbers(planes: Sequence[Path]) -> None:
    """Refuse planes if one seems to be missing."""
    found = [re.findall(r"\d+(?:\.\d+)?", one.stem) for one in planes]
    if len(planes) < 3 or not all(found):
        return
    numbers = [float(one[-1]) for one in found]
    steps = [round(after - before, 6) for before, after in pairwise(numbers)]
    usual = median_low(steps)
    for step, (before, after) in zip(steps, pairwise(planes), strict=True):
        if step != usual:
            raise UserError(
                f"{before.name} is followed by {after.name}, but names count by {usual:g} elsewhere: copy "
                "the missing planes; if none are missing, add --gaps"
            )


@dataclass(frozen=True)
class _Plane:
    """One grey picture (y, x) in its file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[tuple[slice, ...]], NDArray[Any]]


@contextmanager
def _opened(path: Path) -> Iterator[_Plane]:
    """Open a plane; where the format allows it, only the parts asked for are read."""
    if io.is_lazy(path):
        with closing(io.open_lazily(path)) as lazy:
            _check_axes(path, lazy.axes, lazy.shape)
            yield _Plane(lazy.shape, lazy.dtype, lambda box: lazy.read(box)[0])
    else:
        whole = io.read(path)
        _check_axes(path, whole.axes, whole.data.shape)
        yield _Plane(whole.data.shape, whole.data.dtype, whole.data.__getitem__)


def _check_axes(path: Path, axes: str, shape: tuple[int, ...]) -> None:
    if axes != "YX":
        raise ImageReadError(
            f"{path}: its axes are {axes.lower()}, {_by(shape)}; a plane must be one grey picture (y, x)"
        )


def _part(path: Path, like: _Plane, box: tuple[slice, ...]) -> NDArray[Any]:
    with _opened(path) as plane:
        if (plane.shape, plane.dtype) != (like.shape, like.dtype):
            raise ImageReadError(
                f"{path}: is {_by(plane.shape)} of {plane.dtype}, but the first plane is {_by(like.shape)} "
                f"of {like.dtype}; all planes must have the same shape and type"
            )
        return plane.read(box)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
