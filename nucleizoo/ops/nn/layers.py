"""Layers for 2 or 3 spatial dimensions: convolutions, padding, style MLP, weight initialisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from nucleizoo.ops.nn.edge_conv import EdgeConv2d, EdgeConv3d
from nucleizoo.ops.nn.one_channel_conv import OneChannelConv2d, OneChannelConv3d

Padding = Literal["zeros", "reflect"]

CONV: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
EDGE_CONV: dict[int, Callable[..., nn.Module]] = {2: EdgeConv2d, 3: EdgeConv3d}
ONE_CHANNEL_CONV = {2: OneChannelConv2d, 3: OneChannelConv3d}
_TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_WEIGHTED = (nn.Linear, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def conv(
    dims: int,
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: Padding = "zeros",
) -> nn.Module:
    """A convolution with bias that keeps the size (before striding); `padding` is zeros or reflect."""
    one_channel = stride == 1 and kernel > 3 and 1 in (in_channels, out_channels)
    return (ONE_CHANNEL_CONV if one_channel else CONV)[dims](
        in_channels, out_channels, kernel, stride=stride, padding=(kernel - 1) // 2, padding_mode=padding
    )


def in_plane(dims: int, length: int, depth: int = 1) -> tuple[int, ...]:
    """A kernel, stride or padding in the image plane: (length, length), in 3D (depth, length, length)."""
    return (depth,) * (dims - 2) + (length, length)


def upconv(dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """A transposed convolution, kernel 3, that doubles every spatial axis exactly."""
    return _TRANSPOSED[dims](in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)


def resized(dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """Linear interpolation to twice the size, then a convolution, kernel 3: no chequerboard artefacts."""
    grow = nn.Upsample(scale_factor=2, mode="bilinear" if dims == 2 else "trilinear")
    return nn.Sequential(grow, conv(dims, in_channels, out_channels, 3, padding="reflect"))


def mlp(
    in_features: int, width: int, out_features: int, *, activation: type[nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Three linear layers with an activation between them."""
    return nn.Sequential(
        nn.Linear(in_features, width),
        activation(),
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, out_features),
    )


def init_kaiming(module: nn.Module) -> None:
    """Kaiming-normal weights (fan in, for ReLU) and zero biases in every convolution and linear layer."""
    for layer in module.modules():
        if isinstance(layer, _WEIGHTED):
            nn.init.kaiming_normal_(layer.weight, a=0, mode="fan_in")
            _zero_bias(layer.bias)


def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Weights from normal(0, std) and zero biases in every convolution and linear layer."""
    for layer in module.modules():
        if isinstance(layer, _WEIGHTED):
            nn.init.normal_(layer.weight, 0.0, std)
            _zero_bias(layer.bias)


def init_orthogonal(module: nn.Module) -> None:
    """Orthogonal weights in every convolution and linear layer; biases stay as they are."""
    for layer in module.modules():
        if isinstance(layer, _WEIGHTED):
            nn.init.orthogonal_(layer.weight)


def _zero_bias(bias: Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)
