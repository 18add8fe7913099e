"""MUNIT's networks of one domain: content encoder, style encoder, and a decoder styled by AdaIN [1, 2].

[1] Huang et al., Multimodal unsupervised image-to-image translation, 2018.
[2] NVlabs/MUNIT at a82e222 (CC BY-NC-SA 4.0), read for layer sizes, paddings and initialisation. With equal
    weights in float64, content and style are equal to 4e-15 of their largest value and decoded pictures to
    3e-5, which is the layer normalisation's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.layers import conv, init_kaiming, mlp
from nucleizoo.ops.nn.norms import LayerNorm
from nucleizoo.ops.nn.sliding_window import extend

from .adain import ResBlock as StyledBlock
from .resnet import Normed, ResBlock

DOWNS = 2  # halvings of the resolution between picture and content
STYLE_DOWNS = 4  # halvings before the style's mean over space


class StyleEncoder(nn.Module):
    """Strided convolutions without norms, which would remove the style, and a mean over space."""

    def __init__(self, dims: int, in_channels: int, width: int, style_channels: int) -> None:
        super().__init__()
        layers, channels = [conv(dims, in_channels, width, 7, padding="reflect"), nn.ReLU()], width
        for level in range(STYLE_DOWNS):
            wider = 2 * channels if level < DOWNS else channels
            layers += [conv(dims, channels, wider, 4, stride=2, padding="reflect"), nn.ReLU()]
            channels = wider
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(channels, style_channels)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, C, *S) -> style (B, style_channels)."""
        x = self.layers(extend(picture, (2**STYLE_DOWNS,) * (picture.ndim - 2)))
        style: Tensor = self.head(x.flatten(2).mean(2))
        return style


class Decoder(nn.Module):
    """Residual blocks styled by AdaIN, then upsampling with layer normalisation, which keeps the style."""

    def __init__(
        self, dims: int, out_channels: int, width: int, blocks: int, style_channels: int, style_width: int
    ) -> None:
        super().__init__()
        deep = width * 2**DOWNS
        self.blocks = nn.ModuleList(StyledBlock(dims, deep) for _ in range(blocks))
        self.sizes = [deep * 4] * blocks  # of a block's style: shifts and scales of two convolutions
        self.style = mlp(style_channels, style_width, sum(self.sizes))
        up: list[nn.Module] = []
        for level in reversed(range(DOWNS)):
            fine = width * 2**level
            up += [nn.Upsample(scale_factor=2), conv(dims, 2 * fine, fine, 5, padding="reflect")]
            up += [LayerNorm(fine), nn.ReLU()]
        self.up = nn.Sequential(*up)
        self.tail = conv(dims, width, out_channels, 7, padding="reflect")

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Content (B, 4 width, *S/4), style (B, style_channels) -> picture (B, C, *S) in [-1, 1]."""
        x = content
        for block, part in zip(self.blocks, self.style(style).split(self.sizes, dim=1), strict=True):
            x = block(x, part)
        return torch.tanh(self.tail(self.up(x)))


@GENERATORS.register("munit")
class MUNITCoder(nn.Module):
    """Encoders and decoder of one domain.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of a decoded picture.
        dims: 2 or 3.
        width: channels of the first convolution; content has four times as many (paper: 64).
        blocks: residual blocks of the content encoder, and as many of the decoder (paper: 4).
        style_channels: numbers in a style (paper: 8).
        style_width: hidden width of the MLP that turns a style into scales and shifts (paper: 256).

    Raises:
        ValueError: for a setting outside its range.

    Differs: the paper is 2D; in 3D all convolutions are. The layer normalisation divides by the biased
    standard deviation, with 1e-5 added to the variance; [2] takes the unbiased one and adds 1e-5 to that.
    """

    serves = ("style coder",)

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, *, width: int = 64, blocks: int = 4,
        style_channels: int = 8, style_width: int = 256,
    ) -> None:  # fmt: skip
        super().__init__()
        if min(width, blocks, style_channels, style_width) < 1:
            raise ValueError(
                "WIDTH, BLOCKS, STYLE_CHANNELS and STYLE_WIDTH must be 1 or more, got "
                f"{width}, {blocks}, {style_channels} and {style_width}"
            )
        self.style_channels = style_channels
        widths = [width * 2**level for level in range(DOWNS + 1)]
        self.content = nn.Sequential(
            Normed(conv(dims, in_channels, width, 7, padding="reflect")),
            *(Normed(conv(dims, w, 2 * w, 4, stride=2, padding="reflect")) for w in widths[:-1]),
            *(ResBlock(dims, widths[-1]) for _ in range(blocks)),
        )
        self.style = StyleEncoder(dims, in_channels, width, style_channels)
        self.decoder = Decoder(dims, out_channels, width, blocks, style_channels, style_width)
        init_kaiming(self)
        for layer in self.decoder.up:
            if isinstance(layer, LayerNorm):  # as in [2]
                nn.init.uniform_(layer.weight)
        # a styled block adds one to its scales; MUNIT's scales are what the MLP says
        shifts_and_scales: Tensor = self.decoder.style[-1].bias.data  # type: ignore[assignment]
        shifts_and_scales.view(-1, 2, widths[-1])[:, 1] = -1

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Picture (B, C, *S) in [-1, 1] -> content (B, 4 width, *S/4), style (B, style_channels)."""
        return self.content(picture), self.style(picture)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Content (B, 4 width, *S/4), style (B, style_channels) -> picture (B, C, *S) in [-1, 1]."""
        made: Tensor = self.decoder(content, style)
        return made
