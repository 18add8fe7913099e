"""The table that all metrics are computed from: which voxels two label images share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

DENSE = 50_000_000  # possible pairs that are counted in an array; beyond, pairs are sorted
SPARSE_NAMES = 4  # labels up to this many times the number of voxels are counted in an array


@dataclass(frozen=True, eq=False)
class Overlap:
    """Sizes and common voxels of all nuclei of a prediction and a truth, without their background.

    Attributes:
        found_names: (P,) labels of the prediction, ascending.
        true_names: (T,) labels of the truth, ascending.
        found_sizes: (P,) voxels of each.
        true_sizes: (T,) voxels of each.
        found: (K,) index of the predicted nucleus of every pair that shares a voxel.
        true: (K,) index of its true nucleus.
        shared: (K,) voxels that they share.
    """

    found_names: NDArray[np.int64]
    true_names: NDArray[np.int64]
    found_sizes: NDArray[np.int64]
    true_sizes: NDArray[np.int64]
    found: NDArray[np.int64]
    true: NDArray[np.int64]
    shared: NDArray[np.int64]

    @classmethod
    def of(cls, prediction: NDArray[np.integer], truth: NDArray[np.integer]) -> Overlap:
        """Count the voxels that labels share.

        Args:
            prediction: (*S) labels from 0 (background) to 2**31 - 1, consecutive or not.
            truth: (*S) the same.

        Raises:
            ValueError: when the shapes differ.

        Example:
            >>> table = Overlap.of(np.array([1, 1, 1, 2, 0]), np.array([5, 5, 0, 0, 7]))
            >>> table.found_sizes, table.true_names, table.shared
            (array([3, 1]), array([5, 7]), array([2]))
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
        found_names, found, found_sizes = _numbered(prediction.ravel())
        true_names, true, true_sizes = _numbered(truth.ravel())
        both = np.flatnonzero((found > 0) & (true > 0))
        code = found[both] * (true_names.size + 1) + true[both]
        if (found_names.size + 1) * (true_names.size + 1) <= DENSE:
            counts = np.bincount(code)
            pairs = np.flatnonzero(counts)
            shared = counts[pairs]
        else:
            pairs, shared = np.unique(code, return_counts=True)
        first, second = np.divmod(pairs, true_names.size + 1)
        return cls(found_names, true_names, found_sizes, true_sizes, first - 1, second - 1, shared)

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """(K,) intersection over union of every pair that shares a voxel, in (0, 1]."""
        union = self.found_sizes[self.found] + self.true_sizes[self.true] - self.shared
        return np.asarray(self.shared / union)

    @property
    def inside_true(self) -> NDArray[np.bool_]:
        """(K,) whether more than half of the true nucleus lies in the predicted one."""
        return 2 * self.shared > self.true_sizes[self.true]

    @property
    def inside_found(self) -> NDArray[np.bool_]:
        """(K,) whether more than half of the predicted nucleus lies in the true one."""
        return 2 * self.shared > self.found_sizes[self.found]


def _numbered(
    labels: NDArray[np.integer],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Names of the nuclei, the labels as 1 + index of their name (0 stays), and voxels of each."""
    if labels.size and labels.max() > max(SPARSE_NAMES * labels.size, 2**16):
        names, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
        start = int(names[0] == 0)
        return names[start:].astype(np.int64), numbers + 1 - start, counts[start:]
    counts = np.bincount(labels)
    counts[:1] = 0
    names = np.flatnonzero(counts)
    table = np.zeros(max(counts.size, 1), np.int64)
    table[names] = np.arange(1, names.size + 1)
    return names, table[labels], counts[names]
