"""Whether scores that need no labels order trainings as those do that need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nucleizoo.comparison.columns import LABEL_FREE, Column

FEWEST = 5
"""Trainings below which a rank correlation says nothing."""


@dataclass(frozen=True)
class Likeness:
    """How alike two scores order trainings.

    Attributes:
        column: the score without labels.
        rho: Spearman's rank correlation, of what is better with what is better: 1 for the same order; None
            where one of the two scores is the same for all.
        runs: trainings that have both.
    """

    column: Column
    rho: float | None
    runs: int


def likenesses(rows: Sequence[Mapping[str, float]], true: Column) -> list[Likeness]:
    """The rank correlation of every score without labels with one that has them, over trainings.

    Args:
        rows: the figures of a training each, by the keys of columns.
        true: the score with labels.

    Returns:
        One per score that at least `FEWEST` trainings have.
    """
    found = []
    for column in LABEL_FREE:
        known = [row for row in rows if column.key in row]
        both = np.array([(column.better * row[column.key], true.better * row[true.key]) for row in known])
        if len(both) >= FEWEST:
            found.append(Likeness(column, _spearman(*both.T), len(both)))
    return found


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    if not (np.ptp(one) and np.ptp(other)):
        return None
    from scipy.stats import spearmanr  # slow to load, and every command would wait for it

    return float(spearmanr(one, other).statistic)
