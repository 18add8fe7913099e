"""Losses that compare two tensors element by element; under autocast PyTorch computes them in float32."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from nucleizoo.contracts import Loss
from nucleizoo.kinds import LOSSES


@LOSSES.register("l1")
class L1(Loss):
    """Mean absolute difference."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of the same shape."""
        return F.l1_loss(a, b)


@LOSSES.register("mse")
class MSE(Loss):
    """Mean squared difference."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of the same shape."""
        return F.mse_loss(a, b)
