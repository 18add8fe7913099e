"""DeepSynth's segmenter: a small U-Net for volumes [1, 2].

[1] Dunn et al., "DeepSynth: Three-dimensional nuclear segmentation of biological images using neural networks
    trained with synthetic data", 2019.
[2] DeepSynth package at 3950032 of its mirror (CC BY-NC-SA), read for facts: layers, widths, slope.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.layers import conv, upconv
from nucleizoo.ops.nn.sliding_window import cut, to_multiple

SLOPE = 0.2
"""Of the activation, below zero."""

_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL = {2: F.max_pool2d, 3: F.max_pool3d}


class Stage(nn.Sequential):
    """Convolution, norm, activation, convolution, norm: nothing is cut off at its end."""

    def __init__(self, dims: int, into: int, out: int) -> None:
        super().__init__(
            conv(dims, into, out, 3), _NORM[dims](out), nn.LeakyReLU(SLOPE),
            conv(dims, out, out, 3), _NORM[dims](out),
        )  # fmt: skip


class Grow(nn.Sequential):
    """Transposed convolution to twice the size, norm, activation."""

    def __init__(self, dims: int, into: int, out: int) -> None:
        super().__init__(upconv(dims, into, out), _NORM[dims](out), nn.LeakyReLU(SLOPE))


@GENERATORS.register("deepsynth")
class DeepSynthNet(nn.Module):
    """U-Net of few channels whose stages end without an activation; the output has none either.

    Against `unet_classic`: an eighth of the channels, biases beside batch normalisation, LeakyReLU and only
    after the first convolution of a stage, norm and activation after transposed convolutions, and a last
    convolution of 3 voxels per axis.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of the output.
        dims: 2 or 3.
        width: channels of the first stage; each further stage has twice as many (code: 8).
        stages: stages; each except the first halves the resolution (code: 4, the last is the bridge).

    Raises:
        ValueError: for a setting outside its range.

    Differs: [2] gives it intensities from 0 to 255; here they are in [-1, 1], as for all networks. In 2D it
    is the same with layers for images.
    """

    serves = ("translator", "segmenter")

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, *, width: int = 8, stages: int = 4
    ) -> None:
        super().__init__()
        if width < 1 or stages < 1:
            raise ValueError(f"WIDTH and STAGES must be 1 or more, got {width} and {stages}")
        widths = [width * 2**stage for stage in range(stages)]
        self.pool = _POOL[dims]
        self.down = nn.ModuleList(Stage(dims, into, out) for into, out in pairwise([in_channels, *widths]))
        self.grow = nn.ModuleList(Grow(dims, below, here) for here, below in pairwise(widths))
        self.up = nn.ModuleList(Stage(dims, 2 * here, here) for here in widths[:-1])
        self.leave = conv(dims, width, out_channels, 3)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, in_channels, *S) in [-1, 1] -> (B, out_channels, *S); any size."""
        x, skips = self.down[0](to_multiple(picture, 2 ** len(self.grow))), []
        for stage in self.down[1:]:
            skips.append(x)
            x = stage(self.pool(x, 2))
        for skip, grow, stage in zip(skips[::-1], self.grow[::-1], self.up[::-1], strict=True):
            x = stage(torch.cat([grow(x), skip], dim=1))
        return cut(self.leave(x), tuple(picture.shape[2:]))
