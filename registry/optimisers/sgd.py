"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from nucleizoo.kinds import OPTIMISERS


@OPTIMISERS.register("sgd")
class SGD:
    """Gradient descent with momentum; weight decay is added to the gradient.

    Args:
        momentum: share of the last step that is kept (TransUNet: 0.9).
        weight_decay: of all parameters (TransUNet: 1e-4).

    Raises:
        ValueError: for a value outside its range.
    """

    def __init__(self, *, momentum: float = 0.9, weight_decay: float = 1e-4) -> None:
        if not 0 <= momentum < 1 or weight_decay < 0:
            raise ValueError(
                "MOMENTUM must be at least 0 and below 1 and WEIGHT_DECAY 0 or more, got "
                f"{momentum} and {weight_decay}"
            )
        self.momentum, self.weight_decay = momentum, weight_decay

    def __call__(self, parameters: Iterable[Parameter], lr: float) -> Optimizer:
        """The optimiser of some parameters, with an initial learning rate."""
        return torch.optim.SGD(list(parameters), lr, momentum=self.momentum, weight_decay=self.weight_decay)
