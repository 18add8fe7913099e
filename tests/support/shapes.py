"""Label images whose overlaps are known."""

import numpy as np


def bars(*spans):
    """A row of labelled bars, each (label, first, last + 1)."""
    row = np.zeros(60, np.int32)
    for label, start, stop in spans:
        row[start:stop] = label
    return row


def balls(rng, shape, count):
    """Truth of balls, later ones over earlier, and a prediction: some lost, all moved and resized."""
    grid = np.indices(shape)
    centres, radii = rng.random((count, len(shape))) * shape, rng.uniform(4, 9, count)
    moved, resized = centres + rng.normal(0, 2, centres.shape), radii * rng.uniform(0.8, 1.2, count)
    kept = np.flatnonzero(rng.random(count) < 0.85)

    def draw(which, centres, radii):
        labels = np.zeros(shape, np.int32)
        for i in which:
            middle = centres[i].reshape(-1, *(1,) * len(shape))
            labels[((grid - middle) ** 2).sum(0) < radii[i] ** 2] = i + 1
        return labels

    return draw(kept, moved, resized), draw(range(count), centres, radii)
