"""What scalings promise: intensities in [0, 1], in their order."""

from __future__ import annotations

import numpy as np

from nucleizoo.checks.check import expect
from nucleizoo.contracts import Scaling
from nucleizoo.core.registry import Recipe


def fills_zero_to_one_in_order(recipe: Recipe, over: str, dtype: str) -> None:
    """It fills 0 to 1, and keeps the order of intensities."""
    full = 1.0 if np.dtype(dtype).kind == "f" else float(np.iinfo(dtype).max)
    raw = (np.random.default_rng(0).random((3, 40, 50)) * full).astype(dtype)
    raw[:, 0, 0], raw[:, 0, 1] = 0, full
    scaling = _with(recipe, over=over)
    scaled = scaling(raw)
    expect(scaled.dtype == np.float32, f"it gives {scaled.dtype}, not float32")
    expect(scaled.shape == raw.shape, f"it gives {scaled.shape}, not {raw.shape}")
    ends = float(scaled.min()), float(scaled.max())
    expect(ends == (0, 1), f"it gives {ends[0]:.3g} to {ends[1]:.3g}, not 0 to 1")
    curved = scaling.curve(scaled)
    expect(curved.shape == scaled.shape, f"its curve gives {curved.shape}, not {scaled.shape}")
    expect(curved.min() >= 0 and curved.max() <= 1, "its curve leaves [0, 1]")
    for given, made in [*zip(raw, scaled, strict=True), (scaled, curved)]:  # of one range: a plane, or all
        rises = (np.diff(made.ravel()[np.argsort(given, axis=None)]) >= 0).all()
        expect(rises, "a brighter voxel becomes darker than another")
        expect(len(np.unique(made)) > len(np.unique(given)) / 2, "most intensities become the same")
    apart = float(np.abs(_with(recipe, over=over, invert=True)(raw) - (1 - scaled)).max())
    expect(apart < 1e-6, f"with INVERT it differs by {apart:.3g} from 1 - what it gives without")


def _with(recipe: Recipe, **settings: object) -> Scaling:
    made: Scaling = Recipe(recipe.registry, recipe.name, {**recipe.settings, **settings})()
    return made
