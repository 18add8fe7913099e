"""What losses are: a formula of a paper, times a weight; and of critics, what else they are held to."""

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
    """An adversarial loss: how far a critic's scores are from the verdict wanted, called with both."""

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, made: Tensor) -> Tensor:
        """What a critic pays beside its verdicts, for its gradient for example; 0 unless overridden.

        Every network and critic of the shelf can be differentiated twice, so
        `torch.autograd.grad(critic(x).sum(), x, create_graph=True)` is all that a gradient penalty needs.

        Args:
            critic: pictures (B, C, *S) -> scores, of this critic.
            real: pictures that are real, (B, C, *S), without gradient.
            made: pictures that were made, (B, C, *S), without gradient.

        Returns:
            A scalar, which is not multiplied by the weight.
        """
        return real.new_zeros(())
