"""AD-GAN's discriminator: a patch critic with one output channel a domain [1, 2].

[1] Yao et al., AD-GAN, 2021, section 3; the multi-task form is StarGAN v2's.
[2] Kaiseem/AD-GAN at d692d16 (MIT), read for layer sizes, padding and initialisation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.core.errors import ConfigError
from nucleizoo.kinds import DISCRIMINATORS
from nucleizoo.ops.adain import instance_norm
from nucleizoo.ops.layers import CONV, init_normal

SLOPE = 0.2  # of the leaky ReLU


@DISCRIMINATORS.register("domain")
class DomainCritic(nn.Module):
    """Scores patches (receptive field 70) of a picture as one of the domain it is said to be of.

    Args:
        in_channels: channels of a picture.
        dims: 2 or 3.
        domains: output channels, one a domain.
        width: channels of the first convolution (paper: 64, in 3D 32).
        blocks: strided convolutions (paper: 3).
        full_map: pad the two unstrided convolutions so that the score map is exactly size / 8 (paper).

    Differs: the code's score map is two smaller on each axis; `full_map` False gives that.
    """

    def __init__(
        self,
        in_channels: int,
        dims: int,
        domains: int = 2,
        *,
        width: int = 64,
        blocks: int = 3,
        full_map: bool = True,
    ) -> None:
        super().__init__()
        if width < 1 or blocks < 1:
            raise ValueError(f"the critic wants WIDTH and BLOCKS of 1 or more, got {width} and {blocks}")
        self.smallest = 2**blocks * (1 if full_map else 3)
        self.full_map, self.dims = full_map, dims
        widths = [in_channels, *(width * 2**level for level in range(blocks + 1)), domains]
        strides = [2] * blocks + [1, 1]
        self.layers = nn.ModuleList(
            CONV[dims](into, out, 4, stride=stride, padding=1)
            for into, out, stride in zip(widths[:-1], widths[1:], strides, strict=True)
        )
        init_normal(self)

    def forward(self, picture: Tensor, domain: Tensor) -> Tensor:
        """Picture (B, C, *S), domain (B, domains) one-hot -> scores (B, 1, *S') of that domain's head.

        Raises:
            ConfigError: for a picture that no score is left of.
        """
        if min(picture.shape[2:]) < self.smallest:
            raise ConfigError(
                f"the discriminator wants a DATASET.SIZE of {self.smallest} or more, got "
                f"{tuple(picture.shape[2:])}; take fewer BLOCKS of it, or its FULL_MAP"
            )
        x = picture
        for level, layer in enumerate(self.layers):
            if level == 1:
                x = F.leaky_relu(x, SLOPE)
            elif level > 1:
                x = instance_norm(x, slope=SLOPE)
            if self.full_map and level >= len(self.layers) - 2:  # the two of stride 1
                x = F.pad(x, (0, 1) * self.dims)
            x = layer(x)
        heads = domain.to(x.dtype).reshape(*domain.shape, *(1,) * self.dims)
        return torch.sum(x * heads, dim=1, keepdim=True)
