"""The interface of losses: a formula of a paper times a weight; for critics, also a gradient penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Loss(nn.Module):
    """A weighted scalar: `forward` is the paper's formula, calling gives weight * forward.

    Args:
        weight: factor of the term in the total; 0 switches it off.

    Raises:
        ValueError: for a negative weight.
    """

    def __init__(self, *, weight: float = 1.0) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"the WEIGHT of a loss must not be negative, got {weight}; 0 switches it off")
        self.weight = weight

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """The weighted loss, a scalar in the arguments' precision."""
        loss: Tensor = super().__call__(*args, **kwargs)
        return self.weight * loss


class GANLoss(Loss):
    """An adversarial loss, called with a critic's scores and the wanted verdict."""

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, made: Tensor) -> Tensor:
        """A further loss of the critic, such as a gradient penalty; 0 unless overridden.

        All registered networks and critics can be differentiated twice, so
        `torch.autograd.grad(critic(x).sum(), x, create_graph=True)` is all that a gradient penalty needs.

        Args:
            critic: pictures (B, C, *S) -> scores.
            real: real pictures, (B, C, *S), without gradient.
            made: generated pictures, (B, C, *S), without gradient.

        Returns:
            A scalar, which is not multiplied by the weight.
        """
        return real.new_zeros(())
