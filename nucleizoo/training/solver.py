"""One optimiser and one schedule for every group of a method."""

from __future__ import annotations

import math

import torch
from torch import nn
from yacs.config import CfgNode

from nucleizoo.contracts import Clock, Group

_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def optimiser(solver: CfgNode, group: Group) -> torch.optim.Optimizer:
    """The optimiser of one group.

    Args:
        solver: the section SOLVER.
        group: its parameters; biases and other vectors are not decayed unless SOLVER.DECAY_ALL.
    """
    decayed: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    for parameter in group.parameters:
        (decayed if solver.DECAY_ALL or parameter.ndim > 1 else plain).append(parameter)
    made: torch.optim.Optimizer = _OPTIMISERS[solver.NAME](
        [
            {"params": decayed, "weight_decay": solver.WEIGHT_DECAY},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=solver.LR * group.lr_scale,
        betas=tuple(solver.BETAS),
    )
    return made


def rate(solver: CfgNode, clock: Clock) -> float:
    """Factor on the learning rate at an iteration, in [0, 1].

    Linear warm-up over SOLVER.WARMUP iterations, then SOLVER.SCHEDULE: 'constant'; 'linear' or
    'cosine' from 1 at the share SOLVER.HOLD of the training to 0 at its end. Beyond the end, which a
    group of a faster pace reaches, a cosine rises again and a line stays at 0.
    """
    warm: float = min(1.0, (clock.iteration + 1) / max(solver.WARMUP, 1))
    if solver.SCHEDULE == "constant":
        return warm
    left: float = min(1.0, (1.0 - clock.progress) / max(1.0 - solver.HOLD, 1e-9))
    return warm * (max(left, 0.0) if solver.SCHEDULE == "linear" else 0.5 - 0.5 * math.cos(math.pi * left))


def set_rates(
    optimisers: dict[str, torch.optim.Optimizer], groups: dict[str, Group], solver: CfgNode, clock: Clock
) -> None:
    """Give every optimiser the learning rate of this moment, at its group's scale and pace."""
    for name, one in optimisers.items():
        group = groups[name]
        factor = rate(solver, Clock(round(clock.iteration * group.pace), clock.total))
        for part in one.param_groups:
            part["lr"] = solver.LR * group.lr_scale * factor


def check_groups(method: nn.Module, groups: dict[str, Group]) -> None:
    """A method's groups hold every trainable parameter exactly once; a bug of the method otherwise."""
    owned = [id(p) for group in groups.values() for p in group.parameters]
    trainable = {id(p): name for name, p in method.named_parameters() if p.requires_grad}
    assert len(owned) == len(set(owned)), "a parameter is in two groups"
    missing = [name for key, name in trainable.items() if key not in set(owned)]
    assert not missing, f"in no group: {', '.join(missing)}"
