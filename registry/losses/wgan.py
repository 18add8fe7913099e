"""The adversarial loss of Wasserstein GANs with a gradient penalty [1]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nucleizoo.contracts import GANLoss
from nucleizoo.kinds import GAN_LOSSES


@GAN_LOSSES.register("wgan_gp")
class WGANGP(GANLoss):
    """Minus the mean score for real pictures, the mean score for made ones, and a penalty on slopes.

    The penalty is the mean of (|slope| - 1)^2 at random places between real and made pictures.

    Args:
        gradient: weight of the penalty ([1]: 10, UFDN: 100).
        per_voxel: True takes the slope of every voxel by itself, over channels, as UFDN's code [2] does;
            False that of the whole picture, as in [1].

    Raises:
        ValueError: for a negative weight.

    References:
        [1] Gulrajani et al., Improved training of Wasserstein GANs, 2017, equation 3.
        [2] Alexander-H-Liu/UFDN at cd005db (MIT), read for facts.
    """

    def __init__(self, *, gradient: float = 10.0, per_voxel: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        if gradient < 0:
            raise ValueError(f"GRADIENT must not be negative, got {gradient}")
        self.gradient, self.per_voxel = gradient, per_voxel

    def forward(self, scores: Tensor, real: bool) -> Tensor:
        """Scores of any shape, and the verdict they should give."""
        return -scores.mean() if real else scores.mean()

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, made: Tensor) -> Tensor:
        """The weighted penalty, a scalar; real and made are as many."""
        share = torch.rand(len(real), *(1,) * (real.ndim - 1), dtype=real.dtype, device=real.device)
        between = torch.lerp(made, real, share).requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        steepness = (slope if self.per_voxel else slope.flatten(1)).norm(dim=1)
        penalty: Tensor = self.gradient * (steepness - 1).square().mean()
        return penalty
