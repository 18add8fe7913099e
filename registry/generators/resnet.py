"""CycleGAN's translator: strided convolutions, residual blocks, and transposed convolutions [1, 2].

[1] Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks, 2017,
    appendix 7.2.
[2] junyanz/pytorch-CycleGAN-and-pix2pix (BSD), read for paddings, biases and initialisation.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.adain import instance_norm
from nucleizoo.ops.nn.layers import conv, init_normal, resized, upconv
from nucleizoo.ops.nn.sliding_window import padded_and_cropped

DOWNS = 2  # halvings of the resolution


class Normed(nn.Module):
    """A convolution, then instance normalisation, then a ReLU (or `slope` below zero)."""

    def __init__(self, layer: nn.Module, *, slope: float = 0.0) -> None:
        super().__init__()
        self.layer, self.slope = layer, slope

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> (B, C', *S')."""
        return instance_norm(self.layer(x), slope=self.slope)


class ResBlock(nn.Module):
    """Two normalised convolutions with a skip connection; no activation after the sum."""

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        self.first = Normed(conv(dims, channels, channels, 3, padding="reflect"))
        self.second = Normed(conv(dims, channels, channels, 3, padding="reflect"), slope=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> (B, C, *S)."""
        y: Tensor = self.second(self.first(x))
        return x + y


@GENERATORS.register("resnet")
class ResNet(nn.Module):
    """Residual blocks at a quarter of the picture's resolution; the output has no activation.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of the output.
        dims: 2 or 3.
        width: channels of the first convolution; the residual blocks have four times as many (paper: 64;
            AD-GAN's comparison in 3D: 32).
        blocks: residual blocks (paper: 9 for 256x256 pictures, 6 for 128x128; UDCT: 6).
        resize: True upsamples by interpolation and a plain convolution, which avoids the chequerboard
            artefacts of transposed convolutions (paper: False; an option of UDCT's code).

    Raises:
        ValueError: when `width` is below 1 or `blocks` is negative.
    """

    serves = ("translator", "segmenter")

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, *, width: int = 64, blocks: int = 9,
        resize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if width < 1 or blocks < 0:
            raise ValueError(f"WIDTH must be 1 or more and BLOCKS 0 or more, got {width} and {blocks}")
        widths = [width * 2**level for level in range(DOWNS + 1)]
        down = [Normed(conv(dims, a, b, 3, stride=2)) for a, b in pairwise(widths)]
        grow = resized if resize else upconv
        up = [Normed(grow(dims, b, a)) for a, b in pairwise(widths)]
        self.layers = nn.Sequential(
            Normed(conv(dims, in_channels, width, 7, padding="reflect")),
            *down,
            *(ResBlock(dims, widths[-1]) for _ in range(blocks)),
            *reversed(up),
            conv(dims, width, out_channels, 7, padding="reflect"),
        )
        init_normal(self)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, in_channels, *S) in [-1, 1] -> (B, out_channels, *S); any size."""
        return padded_and_cropped(self.layers, picture, 2**DOWNS)
