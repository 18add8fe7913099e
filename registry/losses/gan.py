"""Adversarial losses: how far a critic's scores are from the desired verdict."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nucleizoo.contracts import GANLoss
from nucleizoo.kinds import GAN_LOSSES


@GAN_LOSSES.register("lsgan")
class LSGAN(GANLoss):
    """Least-squares GAN loss: mean of (score - 1)^2 for real pictures, of score^2 for made ones [1].

    [1] Mao et al., Least squares generative adversarial networks, 2017, equation 9 (a=0, b=c=1).
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    def forward(self, scores: Tensor, real: bool) -> Tensor:
        """Scores of any shape, and the verdict they should give."""
        return F.mse_loss(scores, torch.full_like(scores, float(real)))
