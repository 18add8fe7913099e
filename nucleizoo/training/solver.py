"""One optimiser and one learning rate per group of a method."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace

import torch
from torch import nn
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.contracts import Clock, Group


class Solver:
    """The section SOLVER: optimisers by group, and their rates at any time.

    Args:
        config: reads SOLVER.
        groups: of the method.

    Attributes:
        optimisers: by the names of the groups.

    Raises:
        ConfigError: for a setting of the optimiser or the schedule that is out of range.
    """

    def __init__(self, config: CfgNode, groups: dict[str, Group]) -> None:
        self.lr: float = config.SOLVER.LR
        self.warmup: int = config.SOLVER.WARMUP
        self.groups = groups
        self.schedule: Callable[[Clock], float] = build.schedule(config)
        make = build.optimiser(config)
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            name: make(group.parameters, self.lr * group.lr_scale) for name, group in groups.items()
        }

    def factor(self, clock: Clock) -> float:
        """The factor of the learning rate: the schedule times a linear warm-up over SOLVER.WARMUP steps."""
        return min(1.0, (clock.iteration + 1) / max(self.warmup, 1)) * self.schedule(clock)

    def set_rates(self, clock: Clock) -> None:
        """Set the learning rate of every optimiser, at its group's scale and pace."""
        for name, one in self.optimisers.items():
            group = self.groups[name]
            factor = self.factor(Clock(round(clock.iteration * group.pace), clock.total))
            for settings in one.param_groups:
                settings["lr"] = self.lr * group.lr_scale * factor


def freeze(method: nn.Module, names: Container[str], groups: dict[str, Group]) -> dict[str, Group]:
    """Exclude parameters from training; gives the groups with what is left of them, without empty ones."""
    for name, parameter in method.named_parameters(remove_duplicate=False):
        if name in names:
            parameter.requires_grad_(False)
    left = {
        name: replace(group, parameters=tuple(p for p in group.parameters if p.requires_grad))
        for name, group in groups.items()
    }
    return {name: group for name, group in left.items() if group.parameters}


def check_groups(method: nn.Module, groups: dict[str, Group]) -> None:
    """Assert that a method's groups hold every trainable parameter exactly once, as every method must."""
    owned = [id(p) for group in groups.values() for p in group.parameters]
    trainable = {id(p): name for name, p in method.named_parameters() if p.requires_grad}
    assert len(owned) == len(set(owned)), "a parameter is in two groups"
    missing = [name for key, name in trainable.items() if key not in set(owned)]
    assert not missing, f"in no group: {', '.join(missing)}"
