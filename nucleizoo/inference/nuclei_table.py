"""The nuclei of a picture as rows of a table: their position, size and confidence."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io

Row = dict[str, float]

_PORTION = 1 << 22
"""Voxels whose coordinates are in memory at once."""

_ROWS = 1 << 16
"""Nuclei that are converted to Python numbers at once."""

COLUMNS = ("picture", "label", "voxels", "*", "confidence")
"""The first columns and the last, by which a table is known; see `io.mark.kind_of_ours`."""

_UNITS = {2: "um2", 3: "um3"}
"""Unit of the size of a nucleus, by the number of axes."""


@dataclass(frozen=True)
class Sums:
    """Sums over the voxels of N nuclei.

    Attributes:
        labels: their numbers, (N,), ascending.
        voxels: number of voxels, (N,).
        places: sums of the voxels' coordinates along each axis, (D, N), in pixels.
        likely: sums of the probabilities of nucleus, (N,).
    """

    labels: NDArray[np.int64]
    voxels: NDArray[np.float64]
    places: NDArray[np.float64]
    likely: NDArray[np.float64]

    @classmethod
    def of(cls, labels: NDArray[np.int32], likely: NDArray[np.float32], corner: tuple[int, ...] = ()) -> Sums:
        """Sum over the voxels of an array, a few planes at a time.

        Args:
            labels: (*S) 0 = background.
            likely: (*S) probability of nucleus in [0, 1].
            corner: position of the first voxel; () is the origin.
        """
        known = np.unique(labels)
        known = known[known > 0]
        made = np.zeros((2 + labels.ndim, known.size + 1))
        step = max(1, _PORTION * len(labels) // max(labels.size, 1))
        for start in range(0, len(labels), step):
            part = labels[start : start + step]
            which = np.searchsorted(known, part.ravel(), side="right")  # 0 is the background
            weights = (None, likely[start : start + step].ravel(), *map(np.ravel, np.indices(part.shape)))
            for total, weight in zip(made, weights, strict=True):
                total += np.bincount(which, weight, known.size + 1)
            made[2] += start * np.bincount(which, minlength=known.size + 1)
        voxels, sure, *places = made[:, 1:]
        offset = np.outer(corner or (0,) * labels.ndim, voxels)
        return cls(known.astype(np.int64), voxels, np.stack(places) + offset, sure)

    def rows(self, spacing: tuple[float, ...] = (), picture: int = 0) -> Iterator[Row]:
        """One row per nucleus; see `rows`."""
        axes = len(self.places)
        unit, size = _UNITS[axes], float(np.prod(spacing)) if spacing else 0.0
        columns = (self.labels, self.voxels, self.likely, *self.places)
        for label, count, sure, *places in _transposed(columns):
            row: Row = {"picture": picture, "label": label, "voxels": int(count)}
            if size:
                row[unit] = round(count * size, 4)
            row |= {axis: round(s / count, 2) for axis, s in zip("zyx"[-axes:], places, strict=True)}
            yield row | {"confidence": round(sure / count, 4)}


def _transposed(columns: Sequence[NDArray[Any]]) -> Iterator[tuple[Any, ...]]:
    """Python numbers, row by row; converted a few at a time, because they are four times as large."""
    for start in range(0, len(columns[0]), _ROWS):
        yield from zip(*(column[start : start + _ROWS].tolist() for column in columns), strict=True)


def rows(
    labels: NDArray[np.int32], likely: NDArray[np.float32], spacing: tuple[float, ...] = (), picture: int = 0
) -> Iterator[Row]:
    """Describe every nucleus, in the order of the labels.

    Args:
        labels: (*S) 0 = background.
        likely: (*S) probability of nucleus in [0, 1].
        spacing: voxel size in micrometres, in axis order; () when unknown.
        picture: its index in the file.

    Yields:
        picture, label, voxels, size in square or cubic micrometres if the voxel size is known, the centre in
        pixels of the file, and confidence, the mean of `likely` in the nucleus.
    """
    return Sums.of(labels, likely).rows(spacing, picture)


def write(path: Path, table: Iterable[Row], axes: int, spacing: tuple[float, ...] = ()) -> None:
    """Write one row per nucleus as CSV; only the header for a picture without nuclei.

    Args:
        path: of the table.
        table: from `rows`.
        axes: 2 or 3.
        spacing: that `rows` was given.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        OSError: when the disk is full.
    """
    head = ["picture", "label", "voxels", *[_UNITS[axes]] * bool(spacing), *"zyx"[-axes:], "confidence"]
    with (
        io.replacing(path, "csv", COLUMNS) as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, head)
        writer.writeheader()
        writer.writerows(table)
