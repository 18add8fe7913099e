"""SEG, DET and OP_csb of the Cell Tracking Challenge.

[1] Maska et al., The Cell Tracking Challenge: 10 years of objective benchmarking, Nature Methods 2023.
[2] Matula et al., Cell tracking accuracy measurement based on comparison of acyclic oriented graphs, 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nucleizoo.metrics.overlap import Overlap

SPLIT, MISS, EXTRA = 5, 10, 1  # cost of an operation that corrects the detection [2]


def seg(tables: Sequence[Overlap]) -> float:
    """Mean Jaccard index of all true nuclei with their match, 0 for one without; extra nuclei cost nothing.

    A true nucleus is matched by the predicted one that covers more than half of it. 1 when there is
    no true nucleus.
    """
    truths = sum(table.true_names.size for table in tables)
    return sum(float(table.iou[table.inside_true].sum()) for table in tables) / truths if truths else 1.0


def det(tables: Sequence[Overlap]) -> float:
    """1 - min(A, A0) / A0, where A is the cost of correcting the detection, A0 of making it from nothing.

    Args:
        tables: predictions against the markers of the challenge, one dot per nucleus; with whole nuclei in
            their place DET is a little lower, since more than half of a nucleus is harder to cover than
            of its dot.

    Returns:
        In [0, 1]. Without true nuclei 1 when nothing is predicted, else 0.
    """
    truths = sum(table.true_names.size for table in tables)
    cost = sum(_cost(table) for table in tables)
    if not truths:
        return float(cost == 0)
    return 1 - min(cost, MISS * truths) / (MISS * truths)


def op_csb(tables: Sequence[Overlap], markers: Sequence[Overlap]) -> float:
    """The mean of SEG and DET, by which the challenge ranks segmentations."""
    return (seg(tables) + det(markers)) / 2


def inside(labels: NDArray[np.integer], border: int) -> NDArray[np.integer]:
    """Labels without the nuclei that lie entirely within `border` pixels of the edge of the plane.

    The challenge's field of interest: 25 pixels for HeLa; 50 for GOWT1, CE and CHO; 0 for SIM+.

    Args:
        labels: (Y, X) or (Z, Y, X).
        border: pixels on each side of y and x.

    Raises:
        ValueError: when nothing of the image is left.
    """
    if border == 0:
        return labels
    if border < 0 or 2 * border >= min(labels.shape[-2:]):
        raise ValueError(f"a border of {border} leaves nothing of an image of {labels.shape}")
    kept = np.unique(labels[..., border:-border, border:-border])
    return np.where(np.isin(labels, kept), labels, 0)


def _cost(table: Overlap) -> int:
    covers = np.bincount(table.found[table.inside_true], minlength=table.found_names.size)
    missed = table.true_names.size - int(covers.sum())
    splits = int(np.maximum(covers - 1, 0).sum())
    return SPLIT * splits + MISS * missed + EXTRA * int(np.count_nonzero(covers == 0))
