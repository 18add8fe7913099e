"""The nuclei of a picture as rows of a table: where they are, how large, how sure the network is."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.files import atomic

Row = dict[str, float]

_PORTION = 1 << 22
"""Voxels whose places are in memory at once."""


def rows(
    labels: NDArray[np.int32], likely: NDArray[np.float32], spacing: tuple[float, ...] = (), picture: int = 0
) -> Iterator[Row]:
    """Describe every nucleus, in the order of their numbers.

    Args:
        labels: (*S) 0 = background.
        likely: (*S) probability of nucleus in [0, 1].
        spacing: voxel size in micrometres, in axis order; () when unknown.
        picture: which one of its file it is.

    Yields:
        picture, label, voxels, where the voxel size is known square or cubic micrometres, the centre in
        pixels of the file, and confidence, the mean of `likely` in the nucleus.
    """
    flat = labels.ravel()
    voxels = np.bincount(flat)
    sums = _sums_of_places(labels, voxels.size)
    sure = np.bincount(flat, likely.ravel())
    unit, size = ("um2", "um3")[labels.ndim == 3], float(np.prod(spacing)) if spacing else 0.0
    for label in np.flatnonzero(voxels[1:]) + 1:
        count = int(voxels[label])
        row: Row = {"picture": picture, "label": int(label), "voxels": count}
        if size:
            row[unit] = round(count * size, 4)
        row |= {
            a: round(float(s[label]) / count, 2) for a, s in zip("zyx"[-labels.ndim :], sums, strict=True)
        }
        yield row | {"confidence": round(float(sure[label]) / count, 4)}


def _sums_of_places(labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """For each axis and label the sum of the places of its voxels: (D, count)."""
    sums = np.zeros((labels.ndim, count))
    step = max(1, _PORTION * len(labels) // max(labels.size, 1))
    for start in range(0, len(labels), step):
        part = labels[start : start + step]
        for total, place in zip(sums, np.indices(part.shape), strict=True):
            total += np.bincount(part.ravel(), place.ravel(), minlength=count)
        sums[0] += start * np.bincount(part.ravel(), minlength=count)
    return sums


def write(path: Path, table: Sequence[Row], axes: int) -> None:
    """A row a nucleus; of a picture without nuclei the head alone."""
    head = list(table[0]) if table else ["picture", "label", "voxels", *"zyx"[-axes:], "confidence"]
    with atomic(path) as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, head)
        writer.writeheader()
        writer.writerows(table)
