"""What a loss is: the paper's formula, times a weight."""

from __future__ import annotations

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
