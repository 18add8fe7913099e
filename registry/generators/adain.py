"""AD-GAN's encoder and decoder: one pair for all domains, conditioned on the domain by AdaIN [1].

[1] Yao et al., AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
    training, 2021, section 3 and supplement I.
[2] Kaiseem/AD-GAN at d692d16 (MIT), read for layer sizes, paddings and initialisation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.adain import adain
from nucleizoo.ops.nn.layers import conv, init_kaiming, mlp, upconv

DOWNS = 2  # halvings of the resolution between picture and content


class Styled(nn.Module):
    """A convolution, then AdaIN, then a ReLU (or `slope` below zero)."""

    def __init__(self, layer: nn.Module, out_channels: int, *, slope: float = 0.0) -> None:
        super().__init__()
        self.layer, self.slope, self.style_size = layer, slope, 2 * out_channels

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """X (B, C, *S), style (B, 2 C'): first the shifts, then the scales minus one."""
        shift, scale = style.chunk(2, dim=1)
        return adain(self.layer(x), 1 + scale, shift, slope=self.slope)


class ResBlock(nn.Module):
    """Two styled convolutions with a skip connection; no activation after the sum."""

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        self.first = Styled(conv(dims, channels, channels, 3, padding="reflect"), channels)
        self.second = Styled(conv(dims, channels, channels, 3, padding="reflect"), channels, slope=1.0)
        self.style_size = self.first.style_size + self.second.style_size

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """X (B, C, *S), style (B, style_size) -> (B, C, *S)."""
        first, second = style.chunk(2, dim=1)
        y: Tensor = self.second(self.first(x, first), second)
        return x + y


class StyledStack(nn.Module):
    """Styled stages in a row, and the MLP that turns a domain into the style of each."""

    def __init__(self, stages: list[Styled | ResBlock], *, domains: int, style_width: int, adaptive: bool):
        super().__init__()
        self.stages, self.adaptive = nn.ModuleList(stages), adaptive
        self.sizes = [stage.style_size for stage in stages]
        if adaptive:
            self.style = mlp(domains, style_width, sum(self.sizes))

    def forward(self, x: Tensor, domain: Tensor) -> Tensor:
        """X (B, C, *S), domain (B, domains) one-hot -> (B, C', *S')."""
        if self.adaptive:
            style = self.style(domain)
        else:
            style = x.new_zeros(len(x), sum(self.sizes))  # plain instance normalisation
        for stage, part in zip(self.stages, style.split(self.sizes, dim=1), strict=True):
            x = stage(x, part)
        return x


@GENERATORS.register("adain")
class AdaINTranslator(nn.Module):
    """Encoder and decoder shared by all domains, with content codes between them.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of a decoded picture.
        dims: 2 or 3.
        domains: number of domains.
        width: channels of the first convolution; content has four times as many (paper: 64, in 3D 32).
        blocks: residual blocks in the encoder, and as many in the decoder (paper: 4).
        style_width: hidden width of the style MLPs (paper: 256, as here; code: 64).
        adaptive_encoder: False gives the encoder plain instance normalisation (Table 3, no AdaIN).

    Differs: the scale of AdaIN is the MLP's output plus one, as in the code; without the one, as in the
    paper, training starts with features near zero. No ReLU before the final tanh (the paper's figure has
    one): with it no pixel could be darker than the middle of the range.
    """

    serves = ("domain coder",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dims: int,
        domains: int = 2,
        *,
        width: int = 64,
        blocks: int = 4,
        style_width: int = 256,
        adaptive_encoder: bool = True,
    ) -> None:
        super().__init__()
        if width < 1 or style_width < 1 or blocks < 0:
            raise ValueError(
                f"WIDTH and STYLE_WIDTH of the generator must be 1 or more and BLOCKS 0 or more, "
                f"got {width}, {style_width} and {blocks}"
            )
        deep = width * 2**DOWNS
        down: list[Styled | ResBlock] = [Styled(conv(dims, in_channels, width, 7, padding="reflect"), width)]
        up: list[Styled | ResBlock] = [ResBlock(dims, deep) for _ in range(blocks)]
        for level in range(DOWNS):
            fine = width * 2**level
            down.append(Styled(conv(dims, fine, 2 * fine, 3, stride=2), 2 * fine))
        down += [ResBlock(dims, deep) for _ in range(blocks)]
        for level in reversed(range(DOWNS)):
            fine = width * 2**level
            up.append(Styled(upconv(dims, 2 * fine, fine), fine))
        self.encoder = StyledStack(down, domains=domains, style_width=style_width, adaptive=adaptive_encoder)
        self.decoder = nn.ModuleDict({
            "body": StyledStack(up, domains=domains, style_width=style_width, adaptive=True),
            "tail": conv(dims, width, out_channels, 7, padding="reflect"),
        })  # fmt: skip
        init_kaiming(self)

    def encode(self, picture: Tensor, domain: Tensor) -> Tensor:
        """Picture (B, C, *S) in [-1, 1], domain (B, domains) one-hot -> content (B, 4 width, *S/4)."""
        content: Tensor = self.encoder(picture, domain)
        return content

    def decode(self, content: Tensor, domain: Tensor) -> Tensor:
        """Content (B, 4 width, *S/4), domain (B, domains) one-hot -> picture (B, C, *S) in [-1, 1]."""
        return torch.tanh(self.decoder["tail"](self.decoder["body"](content, domain)))
