"""Discs and balls of one size, apart from each other."""

import itertools

import numpy as np


def discs(shape, diameter, gap):
    """Labels (*shape): as many as fit, in rows, whole, `gap` pixels between them."""
    step, labels = diameter + gap, np.zeros(shape, np.int32)
    starts = [range(gap // 2, n - diameter - gap // 2 + 1, step) for n in shape]
    for number, corner in enumerate(itertools.product(*starts), 1):
        box = tuple(slice(c, c + diameter) for c in corner)
        far = sum(
            (line - (diameter - 1) / 2) ** 2 for line in np.ogrid[tuple(slice(0, diameter) for _ in shape)]
        )
        labels[box][far <= (diameter / 2) ** 2] = number
    return labels
