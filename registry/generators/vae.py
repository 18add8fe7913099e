"""UFDN's variational autoencoder: one for all domains, with a domain code at the decoder's entrance [1, 2].

[1] Liu et al., A unified feature disentangler for multi-domain image translation and manipulation, 2018.
[2] Alexander-H-Liu/UFDN at cd005db (MIT), read for layer sizes, strides, norms and initialisation.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.layers import CONV, init_normal

SLOPE = 0.2  # of the leaky ReLU
WIDEST = 16  # most channels, in units of those of the first convolution
_UP = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


@GENERATORS.register("vae")
class VAE(nn.Module):
    """Strided convolutions to the mean and variance of a content, and as many back.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of a decoded picture.
        dims: 2 or 3.
        domains: number of domains.
        width: channels of the first convolution; each further one has twice as many, up to 16 times
            (paper: 64).
        blocks: strided convolutions, each halves the resolution (paper: 6, which leaves one place of a
            picture of 64x64).

    Raises:
        ValueError: for a setting outside its range.

    Differs: content is a map at a sixteenth of the resolution, not one vector per picture, which could not
    say where each of many nuclei is; with 6 blocks and pictures of 64x64 the layers are those of [2]. Scales
    of batch normalisation start at 1, in [2] near 0.
    """

    serves = ("variational coder",)

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, domains: int = 2, *, width: int = 64,
        blocks: int = 4,
    ) -> None:  # fmt: skip
        super().__init__()
        if width < 1 or blocks < 2:
            raise ValueError(f"WIDTH must be 1 or more and BLOCKS 2 or more, got {width} and {blocks}")
        widths = [width * min(2**level, WIDEST) for level in range(blocks - 1)]
        self.content_channels, self.stride, deep = widths[-1], 2**blocks, widths[-1]

        def stage(kind: Callable[..., nn.Module], into: int, out: int) -> list[nn.Module]:
            return [kind(into, out, 4, 2, 1), _NORM[dims](out), nn.LeakyReLU(SLOPE)]

        down = [stage(CONV[dims], *pair) for pair in pairwise([in_channels, *widths])]
        up = [stage(_UP[dims], *pair) for pair in pairwise([deep + domains, *widths[::-1]])]
        self.body = nn.Sequential(*(layer for one in down for layer in one))
        self.mean, self.log_variance = (CONV[dims](deep, deep, 4, 2, 1) for _ in range(2))
        self.decoder = nn.Sequential(*(layer for one in up for layer in one))
        self.tail = _UP[dims](width, out_channels, 4, 2, 1)
        init_normal(self)

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Picture (B, C, *S) -> mean and logarithm of the variance of its content (B, K, *S/stride)."""
        x = self.body(picture)
        return self.mean(x), self.log_variance(x)

    def decode(self, content: Tensor, domain: Tensor) -> Tensor:
        """Content (B, K, *S/stride), domain (B, domains) -> picture (B, C, *S) in [-1, 1]."""
        code = domain.to(content.dtype)[(..., *(None,) * (content.ndim - 2))]
        known = torch.cat([content, code.expand(-1, -1, *content.shape[2:])], dim=1)
        return torch.tanh(self.tail(self.decoder(known)))
