"""Planes of a volume whose chunks are deeper than one plane, each chunk decoded once."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.ops.grid import Box, size


def planes_of(
    blocks: Iterable[tuple[Box, NDArray[Any]]], shape: tuple[int, int, int, int], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    """Split a slab, which may be larger than memory: written by blocks to a file, read back by planes.

    Args:
        blocks: the part of every plane (y, x) that a block covers, and its values (channels, depth, *size).
        shape: of the slab, (channels, depth, y, x).
        dtype: of its values.

    Returns:
        Its planes (channels, y, x), in order.

    Raises:
        UserError: when the file cannot be written, most often because the disk is full.
        ImageReadError: when a block cannot be read.
    """
    channels, depth, *plane = shape
    with tempfile.TemporaryFile(buffering=0) as file:
        boxes = []
        for box, block in blocks:
            for one in np.moveaxis(block, 1, 0):
                _write(file, one, dtype.itemsize * math.prod(shape))
            boxes.append(box)
        counts = [channels * math.prod(size(box)) for box in boxes]
        for z in range(depth):
            data = np.empty((channels, *plane), dtype)
            start = 0
            for box, count in zip(boxes, counts, strict=True):
                file.seek((start * depth + z * count) * dtype.itemsize)
                stored = np.frombuffer(file.read(count * dtype.itemsize), dtype)
                data[(slice(None), *box)] = stored.reshape(channels, *size(box))
                start += count
            yield data


def _write(file: Any, block: NDArray[Any], needed: int) -> None:
    rest = np.ascontiguousarray(block).data.cast("B")
    try:
        while rest:  # one call writes 2 GB at most
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise UserError(
            "to scale every plane separately, planes that share chunks go to a temporary file, which cannot "
            f"be written in {tempfile.gettempdir()}: {error.strerror}; it takes {needed / 1e9:.1f} GB: set "
            "the environment variable TMPDIR to a folder on a larger disk"
        ) from error
