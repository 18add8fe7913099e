"""The loss of object-centric embeddings.

[1] Wolf et al., Unsupervised learning of object-centric embeddings for cell instance segmentation in
    microscopy images, 2023 (arXiv 2310.08501).
[2] funkelab/cellulus at a13ea66 (MIT), read for the temperature.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nucleizoo.contracts import Loss
from nucleizoo.kinds import LOSSES


@LOSSES.register("attraction")
class Attraction(Loss):
    """1 - exp(-d^2 / temperature) of vectors that are d apart: what is far apart attracts no more.

    Args:
        temperature: squared distance within which vectors attract each other (Cellulus: 10, in pixels).

    Raises:
        ValueError: for a temperature that is not above 0.

    References: [1, 2] of this module.
    """

    def __init__(self, *, temperature: float = 10.0, **settings: Any) -> None:
        super().__init__(**settings)
        if temperature <= 0:
            raise ValueError(f"TEMPERATURE must be above 0, got {temperature}")
        self.temperature = temperature

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of vectors along axis 1, (N, K, ...)."""
        return (1 - torch.exp(-((a - b) ** 2).sum(1) / self.temperature)).mean()
