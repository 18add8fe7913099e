"""What went wrong, nucleus by nucleus: missed, invented, split, merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nucleizoo.metrics import objects
from nucleizoo.metrics.overlap import Overlap


@dataclass(frozen=True, eq=False)
class Errors:
    """Every nucleus of a prediction and its truth, by kind of error.

    A nucleus is listed once. A merged prediction covers more than half of two true nuclei or more; a split
    nucleus contains more than half of each of two predictions or more. All others are matched (an IoU of
    0.5 or more), or else missed if true and invented if predicted.

    Attributes:
        matched, invented, merged, fragments: labels of the prediction; fragments are the parts of
            split nuclei.
        missed, split, swallowed: labels of the truth; the swallowed are in a merged prediction.
    """

    matched: NDArray[np.int64]
    invented: NDArray[np.int64]
    merged: NDArray[np.int64]
    fragments: NDArray[np.int64]
    missed: NDArray[np.int64]
    split: NDArray[np.int64]
    swallowed: NDArray[np.int64]

    @classmethod
    def of(cls, table: Overlap) -> Errors:
        """Sort the nuclei of a table of overlaps."""
        found, true = table.found_names.size, table.true_names.size
        merged = np.bincount(table.found[table.inside_true], minlength=found) > 1
        swallowed = _marked(true, table.true[table.inside_true & merged[table.found]])
        split = (np.bincount(table.true[table.inside_found], minlength=true) > 1) & ~swallowed
        fragment = _marked(found, table.found[table.inside_found & split[table.true]]) & ~merged
        pairs = objects.match(table)
        hit, met = _marked(found, table.found[pairs]), _marked(true, table.true[pairs])
        return cls(
            matched=table.found_names[hit & ~merged & ~fragment],
            invented=table.found_names[~(hit | merged | fragment)],
            merged=table.found_names[merged],
            fragments=table.found_names[fragment],
            missed=table.true_names[~(met | split | swallowed)],
            split=table.true_names[split],
            swallowed=table.true_names[swallowed],
        )


def _marked(size: int, where: NDArray[np.int64]) -> NDArray[np.bool_]:
    marks = np.zeros(size, bool)
    marks[where] = True
    return marks
