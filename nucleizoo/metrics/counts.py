"""True and false positives and the scores from them, for voxels and for nuclei."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Counts:
    """How a prediction agrees with a truth.

    When both are empty they agree: all three scores are 1. Otherwise a score whose denominator is 0
    is 0: precision of an empty prediction, recall of an empty truth.

    Attributes:
        tp: in both.
        fp: in the prediction alone.
        fn: in the truth alone.
    """

    tp: int
    fp: int
    fn: int

    @classmethod
    def pooled(cls, scores: Iterable[Self]) -> Self:
        """All images counted as one."""
        tp, fp, fn = (sum(counts) for counts in zip(*((s.tp, s.fp, s.fn) for s in scores), strict=True))
        return cls(tp, fp, fn)

    @property
    def precision(self) -> float:
        """Share of the prediction that is right, in [0, 1]."""
        return self._share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the truth that was found, in [0, 1]."""
        return self._share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, in [0, 1]; of voxels it is the Dice coefficient."""
        return self._share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def _share(self, part: int, whole: int) -> float:
        if self.tp + self.fp + self.fn == 0:
            return 1.0
        return part / whole if whole else 0.0
