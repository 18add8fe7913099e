"""Histogram matching: one distribution of intensities is mapped to another by a monotonic table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = 1024
"""Points of a table."""


@dataclass(frozen=True, eq=False)
class Table:
    """A lookup table of intensities; linear in between, constant beyond the ends.

    Attributes:
        raw: (n,) intensities, strictly increasing.
        made: (n,) what each is mapped to, never decreasing.
    """

    raw: NDArray[np.float64]
    made: NDArray[np.float64]

    @classmethod
    def matching(cls, values: NDArray[Any], reference: NDArray[Any]) -> Table:
        """The table that gives `values` the distribution of `reference`.

        Every quantile is mapped to that of the reference: exact matching of cumulative distributions. Many
        equal values, such as those of a saturated background, stay equal, and are mapped to the mean of the
        quantiles that they span.

        Args:
            values: any shape, at least one value.
            reference: any shape, at least one value.

        Example:
            >>> table = Table.matching(np.linspace(0, 1, 101), np.linspace(5, 7, 101))
            >>> table(np.array([0.0, 0.25, 1.0], np.float32)).tolist()
            [5.0, 5.5, 7.0]
        """
        shares = np.linspace(0, 1, QUANTILES)
        mine, theirs = np.quantile(values, shares), np.quantile(reference, shares)
        raw, place, counts = np.unique(mine, return_inverse=True, return_counts=True)
        return cls(raw, np.bincount(place, theirs) / counts)

    def __call__(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map intensities of any shape."""
        mapped: NDArray[np.float32] = np.interp(picture, self.raw, self.made).astype(np.float32)
        return mapped
