"""Means over seeds, and tests of the same images under two models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 6
"""Images that a signed-rank test needs to be able to find anything at the level of 0.05."""
LEVEL = 0.05
_MINUTE = 1e-9
"""Differences that are rounding, not a difference."""


@dataclass(frozen=True)
class Spread:
    """Mean of a score over seeds, and its sample standard deviation; None for one seed."""

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value per seed."""
        return cls(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


@dataclass(frozen=True)
class Test:
    """Two models on the same images.

    Attributes:
        difference: mean over images of the first's score less the second's.
        better, worse: images on which the first has the higher, the lower score.
        images: how many there are.
        p: of the signed-rank test, two-sided; None for fewer than `FEWEST` images.
        corrected: the same after Holm's correction for all tests of the report.
    """

    difference: float
    better: int
    worse: int
    images: int
    p: float | None
    corrected: float | None = None


def signed_rank(first: Sequence[float], second: Sequence[float]) -> float:
    """Wilcoxon's signed-rank test of pairs, two-sided and exact, also with ties.

    Pairs without a difference are left out. The null distribution is that of the ranks as they are:
    their signs are coins, and all sums are counted. `scipy.stats.wilcoxon` gives the same where no
    two differences are equally large, and approximates or draws at random where some are, which is the
    rule for scores that are ratios of small numbers.

    Returns:
        p, 1 when nothing differs.
    """
    from scipy.stats import rankdata  # slow to load, and every command would wait for it

    differences = np.subtract(first, second)
    differences = differences[np.abs(differences) > _MINUTE]
    ranks = np.asarray(2 * rankdata(np.abs(differences).round(9)), int)  # twice, for ties have half ranks
    ways: NDArray[np.float64] = np.ones(1)
    for rank in ranks:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
        ways /= 2  # chances, lest counts grow beyond what floats hold
    positive = int(ranks[differences > 0].sum())
    return float(min(1.0, 2 * min(ways[: positive + 1].sum(), ways[positive:].sum())))


def compared(first: Sequence[float], second: Sequence[float]) -> Test:
    """Test two models by a score of every image, in the same order."""
    gap = np.subtract(first, second)
    return Test(
        float(gap.mean()),
        int((gap > _MINUTE).sum()),
        int((gap < -_MINUTE).sum()),
        len(gap),
        signed_rank(first, second) if len(gap) >= FEWEST else None,
    )


def holm(values: Sequence[float]) -> list[float]:
    """Holm's correction: p of every test such that one wrong finding among all stays as unlikely.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, least = [0.0] * len(values), 0.0
    for done, index in enumerate(order):
        least = max(least, min(1.0, values[index] * (len(values) - done)))
        corrected[index] = least
    return corrected
