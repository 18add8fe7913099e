"""What blendings promise: every voxel of a window counts."""

from __future__ import annotations

import torch

from nucleizoo.checks.check import expect
from nucleizoo.core.registry import Recipe
from nucleizoo.ops.nn.blending import WindowWeights


def weighs_every_voxel(recipe: Recipe, dims: int) -> None:
    """The weight of every voxel of a window is a number above 0."""
    terms = recipe().terms()
    for window in ((7, 24, 33)[-dims:], (1, 2, 64)[-dims:]):
        weights = WindowWeights(terms, window, [[0]] * dims, window).weights
        expect(tuple(weights.shape[-dims:]) == window, f"weights are {tuple(weights.shape)}, not {window}")
        expect(torch.isfinite(weights).all(), "a weight is not finite")
        expect(
            weights.min() > 0,
            f"a weight of a window of {'x'.join(map(str, window))} is {float(weights.min()):.3g}; a voxel at "
            "the border of an image is in one window alone, and needs one above 0",
        )
