"""AD-GAN's discriminator: a patch critic with one output channel per domain [1, 2].

[1] Yao et al., AD-GAN, 2021, section 3; the multi-task form is StarGAN v2's.
[2] Kaiseem/AD-GAN at d692d16 (MIT), read for layer sizes, padding and initialisation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nucleizoo.kinds import DISCRIMINATORS

from .patchgan import PatchGAN


@DISCRIMINATORS.register("domain")
class DomainCritic(PatchGAN):
    """Scores patches (receptive field 70) of a picture with the output channel of a given domain.

    Args:
        in_channels: channels of a picture.
        dims: 2 or 3.
        domains: output channels, one per domain.
        full_map: make the score map exactly size / 8, as in the paper; with False, as in the code, it is two
            smaller on each axis.
        settings: of the patch critic.
    """

    serves = ("domain critic",)

    def __init__(
        self, in_channels: int, dims: int, domains: int = 2, *, full_map: bool = True, **settings: Any
    ) -> None:
        super().__init__(in_channels, dims, domains, full_map=full_map, **settings)

    def forward(self, picture: Tensor, domain: Tensor) -> Tensor:  # type: ignore[override]
        """Picture (B, C, *S), domain (B, domains) one-hot -> scores (B, 1, *S') of that domain's head."""
        scores = super().forward(picture)
        heads = domain.to(scores.dtype).reshape(*domain.shape, *(1,) * self.dims)
        return torch.sum(scores * heads, dim=1, keepdim=True)
