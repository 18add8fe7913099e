"""Object metrics: which nuclei of the truth were found, from one table of overlaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nucleizoo.metrics.counts import Counts

IOU = 0.5
"""A nucleus is found when intersection over union exceeds this; above a half, matches are one to one."""


class ObjectScore(Counts):
    """Counts of nuclei."""

    @property
    def ap(self) -> float:
        """Average precision as the 2018 Data Science Bowl and StarDist have it: TP / (TP + FP + FN)."""
        return self._share(self.tp, self.tp + self.fp + self.fn)


def score(prediction: NDArray[np.integer], truth: NDArray[np.integer]) -> ObjectScore:
    """Count matches with an intersection over union above a half.

    Args:
        prediction: (*S) labels from 0 (background) to 2**31 - 1.
        truth: (*S) labels from 0 (background) to 2**31 - 1.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> score(np.array([1, 1, 1, 2, 0]), np.array([5, 5, 0, 0, 7]))
        ObjectScore(tp=1, fp=1, fn=1)
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
    pairs, overlap = np.unique(prediction.astype(np.int64) << 32 | truth.astype(np.int64), return_counts=True)
    found, there = pairs >> 32, pairs & (2**32 - 1)
    areas_found, areas_there = _areas(found, overlap), _areas(there, overlap)
    both = (found > 0) & (there > 0)
    union = [
        areas_found[p] + areas_there[t]
        for p, t in zip(found[both].tolist(), there[both].tolist(), strict=True)
    ] - overlap[both]
    hits = int(np.count_nonzero(overlap[both] > IOU * union))
    predicted, true = len(areas_found.keys() - {0}), len(areas_there.keys() - {0})
    return ObjectScore(hits, predicted - hits, true - hits)


def _areas(names: NDArray[np.int64], counts: NDArray[np.int64]) -> dict[int, int]:
    """Voxels of every label in a table of overlaps."""
    labels, where = np.unique(names, return_inverse=True)
    return dict(zip(labels.tolist(), np.bincount(where, counts).astype(int).tolist(), strict=True))
