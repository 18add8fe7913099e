"""Object metrics: which nuclei of the truth were found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from nucleizoo.metrics.counts import Counts
from nucleizoo.metrics.overlap import Overlap

IOU = 0.5
"""Default threshold: a nucleus is found if a predicted one has this intersection over union or more."""

IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Thresholds over which average precision is averaged: 0.50, 0.55, ... 0.95."""

RECALLS = np.linspace(0, 1, 101)
"""Where COCO samples the curve of precision over recall."""


class ObjectScore(Counts):
    """Counts of nuclei."""

    @property
    def ap(self) -> float:
        """Average precision of the 2018 Data Science Bowl and StarDist: TP / (TP + FP + FN)."""
        return self._share(self.tp, self.tp + self.fp + self.fn)


def score(prediction: NDArray[np.integer], truth: NDArray[np.integer], iou: float = IOU) -> ObjectScore:
    """Count matches of two label images; see `match` and `Overlap.of`.

    Example:
        >>> score(np.array([1, 1, 1, 2, 0]), np.array([5, 5, 0, 0, 7]))
        ObjectScore(tp=1, fp=1, fn=1)
    """
    return count(Overlap.of(prediction, truth), iou)


def count(table: Overlap, iou: float = IOU) -> ObjectScore:
    """Nuclei found, invented and missed, by the most pairs with `iou` or more and no nucleus twice.

    This is StarDist's definition. Above an IoU of 0.5 no nucleus can be in two such pairs.

    Raises:
        ValueError: for an IoU outside (0, 1].
    """
    hits = int(match(table, iou).size)
    return ObjectScore(hits, table.found_names.size - hits, table.true_names.size - hits)


def match(table: Overlap, iou: float = IOU) -> NDArray[np.int64]:
    """Indices of the pairs of `table` that are matches, ascending.

    Raises:
        ValueError: for an IoU outside (0, 1].
    """
    if not 0 < iou <= 1:
        raise ValueError(f"an IoU must be above 0 and at most 1, got {iou}")
    good = np.flatnonzero(table.iou >= iou)
    if iou > 0.5 or not good.size:
        return good
    shape = (table.found_names.size, table.true_names.size)
    graph = coo_array((good + 1, (table.found[good], table.true[good])), shape=shape).tocsr()
    partner = maximum_bipartite_matching(graph, perm_type="column")
    chosen = np.flatnonzero(partner >= 0)
    pairs = {(p, t): k for k, p, t in zip(good, table.found[good], table.true[good], strict=True)}
    return np.sort(np.array([pairs[p, partner[p]] for p in chosen], np.int64))


def ranked_ap(
    tables: Sequence[Overlap], iou: float = IOU, scores: Sequence[NDArray[np.floating]] | None = None
) -> float:
    """Average precision of the ranked predictions of all images, sampled at 101 recalls as in COCO.

    The definition of CySGAN's tool: a prediction is compared with the nucleus that it overlaps best, and
    two may claim the same one, which is only possible at an IoU of exactly 0.5. Ties keep their order.

    Args:
        tables: one per image.
        iou: a prediction counts when its best is this or more.
        scores: one per image, (P,) confidence of every predicted nucleus ('prob'); without it nuclei are
            ranked by their voxels, the largest first ('size', what CySGAN reports).

    Returns:
        In [0, 1]; 1 when there is neither a prediction nor a truth, 0 when one of them is empty.

    Raises:
        ValueError: when there are not as many scores as tables and nuclei.
    """
    ranks = [table.found_sizes for table in tables] if scores is None else list(scores)
    if [len(one) for one in ranks] != [table.found_names.size for table in tables]:
        raise ValueError("ranked_ap needs one array of scores per image and one score per predicted nucleus")
    truths = sum(table.true_names.size for table in tables)
    order = np.argsort(-np.concatenate([*ranks, np.zeros(0)]), kind="stable")
    if not truths or not order.size:
        return float(not truths and not order.size)
    hits = np.concatenate([_best(table) for table in tables])[order] >= iou
    right = np.cumsum(hits)
    precision = np.maximum.accumulate((right / np.arange(1, hits.size + 1))[::-1])[::-1]
    at = np.searchsorted(right / truths, RECALLS, side="left")
    return float(np.append(precision, 0.0)[at].mean())


def _best(table: Overlap) -> NDArray[np.float64]:
    """(P,) the largest IoU of every predicted nucleus with a true one."""
    best = np.zeros(table.found_names.size)
    np.maximum.at(best, table.found, table.iou)
    return best
