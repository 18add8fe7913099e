"""Volumes of any size read part by part, and thinned until they fit in memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError
from nucleizoo.ops.grid import Box, size
from nucleizoo.preprocess import LabelFiles, Reader, Values, check_same_shape
from nucleizoo.preprocess.label_files import check_lossless
from nucleizoo.preprocess.layout import as_ids

log = logging.getLogger(__name__)

MOST = 2**26
"""Voxels of a volume that are held: 406 cubed. For 400 cubed with a picture the command took 1.9 GB."""
_ROOM = 2**26
"""Bytes that are read at once."""
LABELS = LabelFiles()


@dataclass(frozen=True, eq=False)
class Thinned:
    """A labelled volume, thinned.

    Attributes:
        name: of its file.
        labels: (z, y, x) int32, 1 to N; 0 = background.
        names: (N,) the labels in the file.
        picture: (z, y, x), its own intensities; None where there is no picture.
        spacing: edges of its voxels; in micrometres, or in voxels of the file if their size is unknown.
        unit: of the spacing, 'um' or 'voxel'.
        steps: voxels of the file per voxel, along each axis.
    """

    name: str
    labels: NDArray[np.int32]
    names: NDArray[np.int32]
    picture: NDArray[np.float32] | None
    spacing: tuple[float, ...]
    unit: str
    steps: tuple[int, ...]


def read(
    labels: Path, picture: Path | None, *, spacing: tuple[float, ...] = (), dataset: str = "",
    picture_dataset: str = "", channel: str = "auto",
) -> Thinned:  # fmt: skip
    """Read the labels of a volume, and its picture.

    Of a volume of more than `MOST` voxels, every second, third, ... voxel of the labels is taken along the
    axes with the smallest voxels, and the brightest voxel of the picture around it. Of a series of volumes
    the first is taken.

    Args:
        labels: a TIFF, HDF5 or NumPy file, or a Zarr folder.
        picture: of the same voxels.
        spacing: voxel size z, y, x in micrometres; () is what the label file says, or the picture's.
        dataset: of the labels in HDF5 and Zarr.
        picture_dataset: of the picture.
        channel: of the picture; see `preprocess.Reader`.

    Raises:
        ImageReadError: when a file cannot be used, holds no nuclei, or the two differ in shape.
    """
    check_lossless(labels)
    reader = Reader(DataSpec(3, 1, Path()), channel=channel, spacing=spacing)
    handles = [io.Handle(labels, dataset, LABELS.usual)]
    values = [Values(handles[0].open, 3)]
    if picture is not None:
        handles.append(io.Handle(picture, picture_dataset))
        values.append(Values(handles[1].open, 3, reader))
        check_same_shape(labels, [values[0].shape], picture, [values[1].shape])
    if math.prod(values[0].outer) > 1:
        log.info("%s: has %d volumes; the first is drawn", labels, math.prod(values[0].outer))
    known = next(filter(None, (reader.voxel_size(handle.open().spacing) for handle in handles)), ())
    if not known:
        log.warning("%s: does not say its voxel size; voxels are drawn as cubes, see --spacing", labels)
    steps = steps_for(values[0].shape, known or (1.0,) * 3)
    if max(steps) > 1:
        log.info("%s: %s voxels are many; one of %s (z, y, x) is drawn", labels,
                 "x".join(map(str, values[0].shape)), "x".join(map(str, steps)))  # fmt: skip
    found = taken(values[0], steps)
    LABELS.doubt(labels, [found], volumes=True)
    names = np.unique(found[found > 0])
    if not names.size:
        raise ImageReadError(f"{labels}: holds no nuclei, only 0; give the labels of a volume with some")
    numbered = np.zeros(found.shape, np.int32)
    for plane, made in zip(found, numbered, strict=True):  # one by one, for large volumes
        made[...] = np.where(plane > 0, np.searchsorted(names, plane) + 1, 0)
    edges = tuple(step * edge for step, edge in zip(steps, known or (1.0,) * 3, strict=True))
    seen = None if picture is None else brightest(values[1], steps)
    return Thinned(io.name_of(labels), numbered, names, seen, edges, "um" if known else "voxel", steps)


def steps_for(shape: tuple[int, ...], spacing: tuple[float, ...], most: int = MOST) -> tuple[int, ...]:
    """By which whole number to thin each axis, so that no more than `most` voxels are left, near to cubes.

    Example:
        >>> steps_for((255, 2048, 2048), (2.5, 0.325, 0.325))
        (1, 4, 4)
    """
    steps = [1] * len(shape)
    while math.prod(-(-n // step) for n, step in zip(shape, steps, strict=True)) > most:
        left = [(step * edge, axis) for axis, (step, edge) in enumerate(zip(steps, spacing, strict=True))]
        steps[min(left)[1]] += 1
    return tuple(steps)


def taken(labels: Values, steps: tuple[int, ...]) -> NDArray[np.int32]:
    """The middle one of so many labels along each axis, of the first volume of a file."""
    middles = [_middles(n, step) for n, step in zip(labels.shape, steps, strict=True)]
    made = np.zeros([len(line) for line in middles], np.int32)
    for box, part in _parts(labels):
        chosen = [(line >= cut.start) & (line < cut.stop) for line, cut in zip(middles, box, strict=True)]
        inside = [line[one] - cut.start for line, one, cut in zip(middles, chosen, box, strict=True)]
        made[np.ix_(*map(np.flatnonzero, chosen))] = as_ids(part, labels.name)[np.ix_(*inside)]
    return made


def brightest(picture: Values, steps: tuple[int, ...]) -> NDArray[np.float32]:
    """The brightest of so many voxels along each axis, of the first volume of a file."""
    shape = [-(-n // step) for n, step in zip(picture.shape, steps, strict=True)]
    made = np.full(shape, -np.inf, np.float32)
    for box, part in _parts(picture):
        for axis, (cut, step) in enumerate(zip(box, steps, strict=True)):
            starts = np.maximum(np.arange(cut.start // step, -(-cut.stop // step)) * step - cut.start, 0)
            part = np.maximum.reduceat(part, starts, axis)
        there = tuple(slice(c.start // s, -(-c.stop // s)) for c, s in zip(box, steps, strict=True))
        np.maximum(made[there], part, out=made[there])
    return made


def _middles(length: int, step: int) -> NDArray[np.int64]:
    return np.minimum(np.arange(0, length, step) + step // 2, length - 1)


def _parts(values: Values) -> Iterator[tuple[Box, NDArray[Any]]]:
    """Boxes of the first volume of a file, and what is in them."""
    grid = values.boxes(_ROOM)
    outer = len(values.outer)
    for index in range(len(grid)):
        whole = grid.box(index)
        if all(cut.start == 0 for cut in whole[:outer]):
            box = whole[outer:]
            part = values.read((0,) * outer, box)
            if len(part) > 1 and (part != part[:1]).any():
                raise ImageReadError(f"{values.name}: is in colour; labels must be one integer per voxel")
            yield box, part[0].reshape(size(box))
