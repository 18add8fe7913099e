"""Pixel metrics: precision, recall and Dice of the foreground, per image and pooled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nucleizoo.metrics.counts import Counts

_MEANS = ("precision", "recall", "dice")
SUMMARY = (*_MEANS, *(f"{name}_pooled" for name in _MEANS))
"""Names of the scores of a set of images."""


class PixelScore(Counts):
    """Counts of voxels."""

    @property
    def dice(self) -> float:
        """Twice the overlap over the sum of both sizes, in [0, 1]."""
        return self.f1


def score(prediction: NDArray[np.generic], truth: NDArray[np.generic]) -> PixelScore:
    """Compare two foregrounds: whatever is not 0 is nucleus.

    Args:
        prediction: (*S) labels or mask.
        truth: (*S) labels or mask.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> score(np.array([1, 1, 0]), np.array([2, 0, 2]))
        PixelScore(tp=1, fp=1, fn=1)
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
    found, there = prediction != 0, truth != 0
    both = int(np.count_nonzero(found & there))
    return PixelScore(both, int(np.count_nonzero(found)) - both, int(np.count_nonzero(there)) - both)


def summary(scores: Sequence[PixelScore]) -> dict[str, float]:
    """Scores of a set of images by name.

    'precision', 'recall' and 'dice' are means over images, as AD-GAN reports them (so the mean Dice
    is not the F1 of mean precision and recall); '..._pooled' count the voxels of all images at once.

    Raises:
        ValueError: when there are no scores.
    """
    if not scores:
        raise ValueError("there are no images to summarise")
    pooled = PixelScore.pooled(scores)
    means = {name: float(np.mean([getattr(s, name) for s in scores])) for name in _MEANS}
    return means | {f"{name}_pooled": float(getattr(pooled, name)) for name in _MEANS}
