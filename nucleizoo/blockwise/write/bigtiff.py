"""Labels as one tiled OME-BigTIFF, written with one block in memory at a time."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from nucleizoo.blockwise.write.result import Result, write_grid
from nucleizoo.io import FULL_MARK, replacing
from nucleizoo.ops.grid import Box, Grid

MULTIPLE = 16
"""Sides of TIFF tiles are multiples of this."""

LEVEL = 1
"""Of zlib: higher levels take several times as long and compress the long runs of labels little better."""


def write_tiff(path: Path, result: Result) -> None:
    """Write a compressed OME-BigTIFF in tiles; the file appears when it is complete.

    Raises:
        OSError: when the disk is full.
    """
    sizes = {f"PhysicalSize{a.upper()}": s for a, s in zip(result.axes, result.spacing or (), strict=False)}
    said = {f"{key}Unit": "µm" for key in sizes}
    note = {"Description": json.dumps(result.metadata)}
    with (
        replacing(path, "tif", within=result.scratch) as part,
        tifffile.TiffWriter(part, bigtiff=True, ome=True) as file,
    ):
        file.write(
            _tiles(result), shape=result.shape, dtype=result.dtype, tile=_tile(result), compression="zlib",
            photometric="minisblack", software=FULL_MARK,
            metadata={"axes": result.axes.upper(), **sizes, **said, **note},
        )  # fmt: skip


def _tile(result: Result) -> tuple[int, ...]:
    """Voxels of a tile along y and x."""
    return tuple(-(-n // MULTIPLE) * MULTIPLE for n in result.chunk[-2:])


def _tiles(result: Result) -> Iterator[bytes]:
    """All tiles in the order of the file: plane by plane, row by row.

    Blocks are many planes deep, so the tiles of a layer of blocks are compressed and wait in a temporary
    file for their turn: each block is read once, and one is in memory at a time.
    """
    grid = write_grid(result.shape, result)
    row = len(grid) // grid.counts[0]
    for first in range(0, len(grid), row):
        with TemporaryFile(dir=result.scratch) as file:
            yield from _in_order(result, [grid.box(index) for index in range(first, first + row)], file)


def _in_order(result: Result, boxes: list[Box], file: BinaryIO) -> Iterator[bytes]:
    """The tiles of boxes that together cover a range of the first axis.

    Args:
        result: what is written.
        boxes: of whole tiles, except at the end of the volume.
        file: empty, for tiles that wait for their turn.
    """
    corner, end = boxes[0], boxes[-1]
    lengths = [e.stop - c.start for c, e in zip(corner, end, strict=True)]
    tiles = Grid((1, *lengths)[-3:], (1, *_tile(result)))  # a 2D image is one plane
    ends = np.zeros((len(tiles), 2), np.int64)
    for box in boxes:
        labels = result.labels().read(box)
        begin = [cut.start - c.start for cut, c in zip(box, corner, strict=True)]
        for index, packed in _packed(labels, [0, *begin][-3:], tiles, result):
            ends[index] = file.tell(), len(packed)
            file.write(packed)
    for at, length in ends.tolist():
        file.seek(at)
        yield file.read(length)


def _packed(
    labels: NDArray[np.int32], begin: list[int], tiles: Grid, result: Result
) -> Iterator[tuple[int, bytes]]:
    """The tiles of a part, compressed, and their numbers.

    Args:
        labels: (z, y, x) or (y, x).
        begin: where they are in the grid's array, (z, y, x).
        tiles: the grid of them.
        result: what is written.
    """
    planes = labels.reshape(-1, *labels.shape[-2:])
    box = tuple(slice(b, b + n) for b, n in zip(begin, planes.shape, strict=True))
    for index in tiles.touching(box):
        z, y, x = (slice(c.start - b, c.stop - b) for c, b in zip(tiles.box(index), begin, strict=True))
        tile: NDArray[np.unsignedinteger[Any]] = np.zeros(tiles.block[1:], result.dtype)
        shown = planes[z.start, y, x]
        tile[: shown.shape[0], : shown.shape[1]] = shown
        yield index, zlib.compress(tile.data, LEVEL)
