"""Which parameters weight decay applies to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.nn import Parameter


def decay_matrices(
    parameters: Iterable[Parameter], weight_decay: float, *, everything: bool = False
) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser of torch: matrices and kernels are decayed, vectors are not.

    Args:
        parameters: of one optimiser.
        weight_decay: for those that are decayed.
        everything: also decay vectors (biases, scales and shifts of norms).
    """
    decayed: list[Parameter] = []
    plain: list[Parameter] = []
    for parameter in parameters:
        (decayed if everything or parameter.ndim > 1 else plain).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
