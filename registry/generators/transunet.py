"""TransUNet: a residual network, a transformer on its features, and a decoder with skip connections [1, 2].

[1] Chen et al., TransUNet: transformers make strong encoders for medical image segmentation, 2021.
[2] Beckschen/TransUNet at 02ef001 (Apache 2.0), read for facts: R50-ViT-B/16, its layers and norms. With
    equal weights in float64 residual network, transformer and decoder, each for itself, are equal.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.layers import CONV
from nucleizoo.ops.nn.norms import GroupNorm
from nucleizoo.ops.nn.sliding_window import padded_and_cropped

STRIDE = 16  # between pictures and tokens
GROUPS = 32  # of the group normalisation; fewer where that leaves a group one channel
_CONV = {2: F.conv2d, 3: F.conv3d}
_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_LINEAR = {2: "bilinear", 3: "trilinear"}


class StandardConv(nn.Module):
    """A convolution without bias whose kernels have mean 0 and variance 1 when they are used."""

    def __init__(self, dims: int, into: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out, into, *(kernel,) * dims))
        self.stride, self.padding, self.apply_kernel = stride, kernel // 2, _CONV[dims]
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as torch's convolutions

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> (B, C', *S')."""
        variance, mean = torch.var_mean(self.weight.flatten(1), dim=1, correction=0)
        at = (..., *(None,) * (self.weight.ndim - 1))
        kernel = (self.weight - mean[at]) * torch.rsqrt(variance + 1e-5)[at]
        return self.apply_kernel(x, kernel, stride=self.stride, padding=self.padding)


def norm(channels: int) -> GroupNorm:
    """Group normalisation, with two channels or more per group."""
    return GroupNorm(math.gcd(GROUPS, max(1, channels // 2)), channels, eps=1e-6)


class Bottleneck(nn.Module):
    """Three standardised convolutions, the middle one with a stride, and a projected skip connection."""

    def __init__(self, dims: int, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        middle = out // 4
        self.body = nn.Sequential(
            StandardConv(dims, into, middle, 1), norm(middle), nn.ReLU(),
            StandardConv(dims, middle, middle, 3, stride), norm(middle), nn.ReLU(),
            StandardConv(dims, middle, out, 1), norm(out),
        )  # fmt: skip
        self.skip = (
            nn.Identity()
            if into == out and stride == 1
            else nn.Sequential(StandardConv(dims, into, out, 1, stride), GroupNorm(out, out))
        )

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> (B, C', *S/stride)."""
        return F.relu(self.skip(x) + self.body(x))


class Layer(nn.Module):
    """Attention between all tokens, then an MLP, each after a norm and added to its input."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(channels, eps=1e-6) for _ in range(2))
        self.query_key_value, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(4 * channels, channels), nn.Dropout(dropout),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, C) -> the same shape."""
        x = x + self.attend(self.norms[0](x))
        y: Tensor = x + self.mlp(self.norms[1](x))
        return y

    def attend(self, x: Tensor) -> Tensor:
        """What all tokens (B, N, C) say to each."""
        batch, places, _ = x.shape
        parts = self.query_key_value(x).reshape(batch, places, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # heads join the batch: the library's fast kernel cannot be differentiated twice
        seen = F.scaled_dot_product_attention(*parts.flatten(1, 2))
        y: Tensor = self.out(seen.reshape(batch, self.heads, places, -1).transpose(1, 2).flatten(2))
        return y


class Double(nn.Sequential):
    """Convolutions of 3 voxels per axis, each with batch normalisation and a ReLU."""

    def __init__(self, dims: int, *widths: int) -> None:
        layers: list[nn.Module] = []
        for into, out in pairwise(widths):
            layers += [CONV[dims](into, out, 3, padding=1, bias=False), _NORM[dims](out), nn.ReLU()]
        super().__init__(*layers)


@GENERATORS.register("transunet")
class TransUNet(nn.Module):
    """The hybrid encoder and the cascaded upsampler; the output has no activation.

    Tokens know their place by an embedding that is learnt on crops and interpolated to other sizes: predict
    in windows of the size of the crops.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of the output.
        dims: 2 or 3.
        width: channels of the first convolution; tokens have 12 times as many, in 12 heads (paper: 64).
        blocks: layers of the transformer (paper: 12).
        units: residual units at a quarter, an eighth and a sixteenth of the resolution (paper: 3, 4, 9).
        grid: tokens per axis for which places are learnt (paper: 14, of crops of 224; 16 for crops of 256).
        dropout: in the transformer (code: 0.1).

    Raises:
        ValueError: for a setting outside its range.

    Differs: weights start at random, those of [1] were trained on ImageNet: more steps are needed. Grey
    pictures have one channel, and not three equal ones. After pooling, [2] pads skip connections with zeros
    to their size; here the last window of the pooling reaches beyond the border. 3D, which the paper lacks,
    has all kernels cubic.
    """

    serves = ("segmenter",)
    heads = 12

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, *, width: int = 64, blocks: int = 12,
        units: tuple[int, int, int] = (3, 4, 9), grid: int = 16, dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        if width < 4 or blocks < 1 or grid < 1 or not 0 <= dropout < 1 or len(units) != 3 or min(units) < 1:
            raise ValueError(
                "WIDTH must be 4 or more, BLOCKS and GRID 1 or more, UNITS three numbers of 1 or more and "
                f"DROPOUT at least 0 and below 1, got {width}, {blocks}, {grid}, {list(units)} and {dropout}"
            )
        self.dims = dims
        self.root = nn.Sequential(StandardConv(dims, in_channels, width, 7, 2), norm(width), nn.ReLU())
        stages, into = [], width
        for level, count in enumerate(units):
            out = 4 * width * 2**level
            first = Bottleneck(dims, into, out, stride=2 if level else 1)
            stages.append(nn.Sequential(first, *(Bottleneck(dims, out, out) for _ in range(count - 1))))
            into = out
        self.stages = nn.ModuleList(stages)
        tokens = self.heads * width
        self.embed = CONV[dims](into, tokens, 1)
        self.places = nn.Parameter(torch.zeros(1, tokens, *(grid,) * dims))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(*(Layer(tokens, self.heads, dropout) for _ in range(blocks)))
        self.norm = nn.LayerNorm(tokens, eps=1e-6)
        widths, skips = [8 * width, 4 * width, 2 * width, width, width // 4], [8 * width, 4 * width, width, 0]
        self.enter = Double(dims, tokens, widths[0])
        self.up = nn.ModuleList(
            Double(dims, below + skip, here, here)
            for (below, here), skip in zip(pairwise(widths), skips, strict=True)
        )
        self.leave = CONV[dims](widths[-1], out_channels, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, in_channels, *S) in [-1, 1] -> (B, out_channels, *S); any size."""
        return padded_and_cropped(self.segment, picture, STRIDE)

    def segment(self, picture: Tensor) -> Tensor:
        """Picture (B, in_channels, *S), S multiples of 16 -> (B, out_channels, *S)."""
        x = self.root(picture)
        skips = [x]
        x = _POOL[self.dims](x, 3, 2, ceil_mode=True)
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        x = self.enter(self.transform(skips.pop()))
        for stage in self.up:
            x = F.interpolate(x, scale_factor=2, mode=_LINEAR[self.dims], align_corners=True)
            x = stage(torch.cat([x, skips.pop()], dim=1) if skips else x)
        made: Tensor = self.leave(x)
        return made

    def transform(self, features: Tensor) -> Tensor:
        """Features (B, C, *S) -> what the transformer makes of them, (B, 12 width, *S)."""
        x = self.embed(features)
        x = x + self.places_for(tuple(x.shape[2:]))
        tokens = self.norm(self.layers(self.dropout(x.flatten(2).transpose(1, 2))))
        y: Tensor = tokens.transpose(1, 2).reshape(x.shape)
        return y

    def places_for(self, shape: tuple[int, ...]) -> Tensor:
        """The embedding of places, interpolated to a map of tokens (*S)."""
        if self.places.shape[2:] == shape:
            return self.places
        return F.interpolate(self.places, shape, mode=_LINEAR[self.dims], align_corners=False)
