"""What optimisers and schedules promise: weights go down, at a rate that depends on the time alone."""

from __future__ import annotations

import math

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from nucleizoo.checks.check import expect
from nucleizoo.checks.resume import saved
from nucleizoo.contracts import Clock
from nucleizoo.core.registry import Recipe


def descends_at_the_rate_it_is_told(recipe: Recipe) -> None:
    """It goes down, and rests at a learning rate of 0."""
    weight, optimiser = _descending(recipe)
    first = float(weight.detach().square().sum())
    _step(weight, optimiser, 20)
    last = float(weight.detach().square().sum())
    expect(last < first, f"20 steps along the gradient of a square lead from {first:.3g} to {last:.3g}")
    for settings in optimiser.param_groups:
        settings["lr"] = 0.0
    before = weight.detach().clone()
    _step(weight, optimiser, 1)
    expect(torch.equal(weight, before), "it moves weights though param_groups say that the rate is 0")


def is_restored_exactly(recipe: Recipe) -> None:
    """It goes on from its saved state, to the bit."""
    weight, optimiser = _descending(recipe)
    _step(weight, optimiser, 3)
    other, resumed = _descending(recipe)
    other.data.copy_(weight.data)
    resumed.load_state_dict(saved(optimiser.state_dict()))
    for pair in ((weight, optimiser), (other, resumed)):
        _step(*pair, 3)
    expect(torch.equal(weight, other), "resumed, it goes elsewhere; keep what it remembers in 'state'")


def gives_a_rate_at_any_time(recipe: Recipe) -> None:
    """Its factor is a number of 0 or more, the same whenever it is asked."""
    schedule, total = recipe(), 40
    times = [*range(2 * total)]  # beyond the end, which a group of a faster pace reaches
    factors = [schedule(Clock(time, total)) for time in times]
    for time, factor in zip(times, factors, strict=True):
        fits = isinstance(factor, float | int) and math.isfinite(factor) and factor >= 0
        expect(fits, f"at step {time} of {total} the factor is {factor:.3g}")
    again = [schedule(Clock(time, total)) for time in reversed(times)]
    expect(again[::-1] == factors, "asked again it gives other factors; it must depend on the clock alone")
    expect(factors[0] > 0, "it begins with a learning rate of 0; SOLVER.WARMUP is for that")


def _descending(recipe: Recipe) -> tuple[Parameter, Optimizer]:
    weight = Parameter(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
    optimiser: Optimizer = recipe()([weight], 0.01)
    return weight, optimiser


def _step(weight: Parameter, optimiser: Optimizer, times: int) -> None:
    for _ in range(times):
        optimiser.zero_grad()
        weight.square().sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
