"""Adam [1], and AdamW with decoupled weight decay [2]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from nucleizoo.kinds import OPTIMISERS


@OPTIMISERS.register("adam")
class Adam:
    """Adam; weight decay is added to the gradient.

    Args:
        betas: decay of the running means of gradients and of their squares (AD-GAN: 0.5 and 0.99).
        weight_decay: of weights (AD-GAN: 1e-4).
        decay_all: also decay biases and the scales and shifts of norms.

    Raises:
        ValueError: for a value outside its range.

    References:
        [1] Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    """

    kind: ClassVar[type[Optimizer]] = torch.optim.Adam

    def __init__(
        self,
        *,
        betas: tuple[float, float] = (0.5, 0.99),
        weight_decay: float = 1e-4,
        decay_all: bool = False,
    ) -> None:
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"BETAS must be two numbers, at least 0 and below 1, got {list(betas)}")
        if weight_decay < 0:
            raise ValueError(f"WEIGHT_DECAY must be 0 or more, got {weight_decay}")
        self.betas, self.weight_decay, self.decay_all = betas, weight_decay, decay_all

    def __call__(self, parameters: Iterable[Parameter], lr: float) -> Optimizer:
        """The optimiser of some parameters, with an initial learning rate."""
        return self.kind(self._groups(parameters), lr=lr, betas=tuple(self.betas))  # type: ignore[call-arg]

    def _groups(self, parameters: Iterable[Parameter]) -> list[dict[str, Any]]:
        """Matrices and kernels, which are decayed, and vectors, which are not unless `decay_all` is set."""
        decayed: list[Parameter] = []
        plain: list[Parameter] = []
        for parameter in parameters:
            (decayed if self.decay_all or parameter.ndim > 1 else plain).append(parameter)
        return [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]


@OPTIMISERS.register("adamw")
class AdamW(Adam):
    """Adam with decoupled weight decay, which does not enter the running means.

    References:
        [2] Loshchilov and Hutter, Decoupled weight decay regularization, 2019.
    """

    kind = torch.optim.AdamW
