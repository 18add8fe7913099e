"""The residual U-Net of PyTorch Connectomics, with CySGAN's "plus" additions, in 2D and 3D [1, 2].

[1] Lauenburg et al., Instance segmentation of unlabeled modalities via cyclic segmentation GAN, 2022,
    which only mentions a 3D U-Net.
[2] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for layers, kernels,
    strides, norms and initialisation; parameter counts are tested against it.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn import norm_statistics
from nucleizoo.ops.nn.layers import CONV, EDGE_CONV, in_plane, init_orthogonal
from nucleizoo.ops.nn.norms import GroupNorm

SLOPE = 0.2  # of the leaky ReLU
GROUPS = 8  # of the group normalisation; fewer if channels are not a multiple of it, or no more than it
REDUCTION = 4  # of the squeeze-and-excitation
_LINEAR = {2: "bilinear", 3: "trilinear"}


def norm(channels: int) -> GroupNorm:
    """Group normalisation with two or more channels per group: gradients of one flat channel explode."""
    groups = math.gcd(GROUPS, channels)
    return GroupNorm(groups if groups < channels else channels // 2, channels)


class Block(nn.Sequential):
    """A convolution without bias, group normalisation, and a leaky ReLU unless `plain`.

    Its result is `more` pixels larger at either end than the picture.
    """

    def __init__(
        self, into: int, out: int, kernel: tuple[int, ...], *, stride: tuple[int, ...] | int = 1,
        more: int = 0, plain: bool = False,
    ) -> None:  # fmt: skip
        padding = tuple(k // 2 + more for k in kernel)
        layers = [
            EDGE_CONV[len(kernel)](
                into, out, kernel, stride=stride, padding=padding, padding_mode="replicate", bias=False
            ),
            norm(out),
        ]
        super().__init__(*layers, *([] if plain else [nn.LeakyReLU(SLOPE, inplace=True)]))


class Excite(nn.Module):
    """Squeeze and excitation: every channel is multiplied by a gate computed from the means of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        few = max(1, channels // REDUCTION)
        self.gate = nn.Sequential(
            nn.Linear(channels, few, bias=False), nn.LeakyReLU(SLOPE),
            nn.Linear(few, channels, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> the same shape."""
        mean = (
            norm_statistics.moments(x)[0].to(x.dtype)
            if norm_statistics.is_watched()
            else x.flatten(2).mean(2)
        )
        gate: Tensor = self.gate(mean)
        return x * gate[norm_statistics.wide(x)]


class Residual(nn.Module):
    """Two in-plane convolutions with squeeze and excitation and a skip connection, then a leaky ReLU."""

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        kernel = in_plane(dims, 3)
        self.body = nn.Sequential(
            Block(channels, channels, kernel), Block(channels, channels, kernel, plain=True), Excite(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> the same shape."""
        return F.leaky_relu(x + self.body(x), SLOPE)


class NonLocal(nn.Module):
    """Non-local attention between all positions (embedded Gaussian), added to its input.

    Wang et al., Non-local neural networks, 2018, equations 1 and 6.
    """

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        half = max(1, channels // 2)
        self.query, self.key, self.value = (CONV[dims](channels, half, 1) for _ in range(3))
        self.out = CONV[dims](half, channels, 1)
        self.norm = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> the same shape."""
        query, key, value = (net(x).flatten(2).transpose(1, 2) for net in (self.query, self.key, self.value))
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        seen = seen.transpose(1, 2).reshape(len(x), -1, *x.shape[2:])
        y: Tensor = self.norm(self.out(seen))
        return x + y


@GENERATORS.register("unet")
class UNet(nn.Module):
    """Residual U-Net with additive skip connections; the output has no activation.

    Pictures may have any size: each decoder stage is resized to its skip connection. Sizes of 16 k + 1 (in
    depth 4 k + 1) keep the voxels of all stages aligned: the paper trains on 17x129x129.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of the output.
        dims: 2 or 3.
        width: channels of the first stage, 2 or more; stage k has k times as many (CySGAN: 32, up to 160).
        blocks: stages; each except the first halves the resolution (CySGAN: 5).
        flat: number of first stages that convolve and stride only in the image plane, because sections are
            thicker than pixels; 3D only (CySGAN: 3; for cubic voxels 0 or 1).
        plus: attention at the bottleneck, and its features added to every stage of the decoder
            (CySGAN: True).
        guide_padding: pixels by which these features are continued beyond the border, with its values, before
            they are stretched to a stage of the decoder (code: 1, so that they reach inwards of where they
            belong; 0 keeps them in place).

    Raises:
        ValueError: for a setting outside its range.

    Differs: in 2D squeeze and excitation reduce channels to a quarter, as in 3D; [2] to a sixteenth.
    """

    serves = ("translator", "segmenter")

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, *, width: int = 32, blocks: int = 5,
        flat: int = 3, plus: bool = True, guide_padding: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        if width < 2 or blocks < 1 or flat < 0 or guide_padding < 0:
            raise ValueError(
                "WIDTH must be 2 or more, BLOCKS 1 or more, FLAT and GUIDE_PADDING 0 or more, got "
                f"{width}, {blocks}, {flat} and {guide_padding}"
            )
        self.mode = _LINEAR[dims]
        widths = [width * (stage + 1) for stage in range(blocks)]
        kernels = [in_plane(dims, 3) if stage < flat else (3,) * dims for stage in range(blocks)]
        strides = [in_plane(dims, 2) if stage < flat else (2,) * dims for stage in range(blocks)]
        self.enter = Block(in_channels, width, in_plane(dims, 5))
        self.down = nn.ModuleList(
            nn.Sequential(
                Block(widths[max(i - 1, 0)], widths[i], kernels[i], stride=strides[i] if i else (1,) * dims),
                Residual(dims, widths[i]),
            )
            for i in range(blocks)
        )
        self.narrow = nn.ModuleList(Block(widths[i], widths[i - 1], kernels[i]) for i in range(1, blocks))
        self.up = nn.ModuleList(Residual(dims, widths[i - 1]) for i in range(1, blocks))
        self.attend = NonLocal(dims, widths[-1]) if plus else nn.Identity()
        self.guide = nn.ModuleList(
            Block(widths[-1], w, (1,) * dims, more=guide_padding) for w in (widths[:-1] if plus else [])
        )
        self.leave = EDGE_CONV[dims](
            width, out_channels, in_plane(dims, 5), padding=in_plane(dims, 2, 0), padding_mode="replicate"
        )
        for part in (self.enter, self.down, self.narrow, self.up, self.leave):
            init_orthogonal(part)  # what "plus" adds keeps the library's initialisation [2]
        if plus:  # attention starts as the identity
            nn.init.zeros_(self.attend.norm.weight)  # type: ignore[arg-type, union-attr]

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, in_channels, *S) in [-1, 1] -> (B, out_channels, *S); any size."""
        x, skips = self.enter(picture), []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = deepest = self.attend(x)
        for i in reversed(range(len(self.up))):
            x = self._grow(self.narrow[i](x), skips[i]) + skips[i]
            if self.guide:
                x = x + self._grow(self.guide[i](deepest), skips[i])
            x = self.up[i](x)
        made: Tensor = self.leave(x)
        return made

    def _grow(self, x: Tensor, like: Tensor) -> Tensor:
        if x.shape[2:] == like.shape[2:]:
            return x
        return F.interpolate(x, like.shape[2:], mode=self.mode, align_corners=True)
