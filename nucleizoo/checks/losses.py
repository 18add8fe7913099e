"""What losses promise: they fall towards the truth, and grow with their weight."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from nucleizoo.checks.check import expect
from nucleizoo.checks.toys import SIZES, nuclei, target_names
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import TARGETS


def falls_towards_the_truth(recipe: Recipe) -> None:
    """It falls as what was made nears the truth.

    Order alone is asked for: what a loss is at its best, be it 0 or below, is its own business.
    """
    loss = _weighted(recipe, 1.0)
    g = torch.Generator().manual_seed(0)
    truth = (torch.rand(2, 1, 8, 8, generator=g) > 0.5).float()
    made = {share: (truth + share * (0.5 - truth)).requires_grad_() for share in (0.0, 0.25, 0.5, 1.0)}
    _expect_rising([loss(guess, truth) for guess in made.values()])
    (slope,) = torch.autograd.grad(loss(made[0.5], truth), made[0.5])
    expect(torch.isfinite(slope).all(), "its gradient is not finite")
    expect(((slope * (truth - 0.5)) < 0).all(), "a step against its gradient leads away from the truth")
    _expect_weighted(recipe, lambda loss: loss(made[0.5], truth))


def falls_towards_the_verdict(recipe: Recipe) -> None:
    """It falls as scores near the verdict that is wanted."""
    loss = _weighted(recipe, 1.0)
    low, high = (torch.full((2, 1, 4, 4), score) for score in (0.1, 0.9))
    _expect_rising([loss(high, True), loss(low, True)])
    _expect_rising([loss(low, False), loss(high, False)])
    _expect_weighted(recipe, lambda loss: loss(low, True))


def falls_towards_the_true_maps(recipe: Recipe) -> None:
    """It falls as logits near the true maps."""
    target = next(
        made for made in (TARGETS.recipe(name)() for name in target_names())
        if all(channel.activation == "sigmoid" for channel in made.channels)
    )  # fmt: skip
    truth = torch.from_numpy(target.encode(nuclei(SIZES[2])))[None]
    loss, good, bad = _weighted(recipe, 1.0), 4 * (2 * truth - 1), torch.zeros_like(truth)
    _expect_rising([loss(one, truth, target) for one in (good, good / 4, bad, -good)])
    _expect_weighted(recipe, lambda loss: loss(bad, truth, target))


def _weighted(recipe: Recipe, weight: float) -> Callable[..., Tensor]:
    made: Callable[..., Tensor] = Recipe(
        recipe.registry, recipe.name, {**recipe.settings, "weight": weight}
    )()
    return made


def _expect_rising(losses: list[Tensor]) -> None:
    """Numbers, each above the one before."""
    for loss in losses:
        expect(
            loss.ndim == 0, f"it gives the shape {tuple(loss.shape)}; a loss is one number, such as a mean"
        )
        expect(torch.isfinite(loss), f"it gives {loss.item()}")
    found = [float(loss.detach()) for loss in losses]
    rises = all(a < b for a, b in pairwise(found))
    told = ", ".join(f"{value:.4g}" for value in found)
    expect(rises, f"from the truth away it is {told}, and does not rise")


def _expect_weighted(recipe: Recipe, of: Callable[[Callable[..., Tensor]], Tensor]) -> None:
    """A loss times its weight."""
    one, three, off = (float(of(_weighted(recipe, weight)).detach()) for weight in (1.0, 3.0, 0.0))
    expect(
        abs(three - 3 * one) <= 1e-5 * max(abs(one), 1.0) and off == 0,
        f"with the weights 1, 3 and 0 it is {one:.4g}, {three:.4g} and {off:.4g}; implement forward, which "
        "contracts.Loss multiplies, and hand **settings on to it",
    )
