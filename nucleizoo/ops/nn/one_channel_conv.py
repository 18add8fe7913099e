"""Convolutions from or to one channel, several times faster on a CPU than PyTorch's.

A picture has one channel, so the first and the last convolution of a translator fill a sixteenth of a
vector register. Folding the kernel's last axis into channels fills it. Parameters, their shapes and the
result (up to rounding) are those of `nn.Conv2d` and `nn.Conv3d`; on a GPU PyTorch's own kernels run.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.ops.nn.layout import channels_last

_APPLY = {2: F.conv2d, 3: F.conv3d}


class _OneChannel:
    """Overrides the one method in which `nn.Conv2d` and `nn.Conv3d` do their work."""

    padding_mode: Literal["zeros", "reflect", "replicate", "circular"]
    _reversed_padding_repeated_twice: list[int]

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        x = F.pad(x, self._reversed_padding_repeated_twice, mode=mode)
        if x.is_cuda:
            return _APPLY[weight.ndim - 2](x, weight, bias)
        if weight.shape[1] == 1:
            return from_one_channel(x, weight, bias)
        return to_one_channel(x, weight, bias)


class OneChannelConv2d(_OneChannel, nn.Conv2d):
    """`nn.Conv2d` of stride 1 from or to a single channel."""


class OneChannelConv3d(_OneChannel, nn.Conv3d):
    """`nn.Conv3d` of stride 1 from or to a single channel."""


def from_one_channel(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve x (B, 1, *S), already padded, with weight (K, 1, *k): shifted copies become channels."""
    reach = weight.shape[-1]
    length = x.shape[-1] - reach + 1
    shifted = torch.cat([x.narrow(-1, i, length) for i in range(reach)], dim=1)
    shifted = shifted.contiguous(memory_format=channels_last(x.ndim - 2))
    folded = weight[:, 0].movedim(-1, 1)[..., None].contiguous()
    return _APPLY[x.ndim - 2](shifted, folded, bias)


def to_one_channel(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve x (B, C, *S), already padded, with weight (1, C, *k): one map per column, shifted, summed."""
    reach = weight.shape[-1]
    columns = _APPLY[x.ndim - 2](x, weight[0].movedim(-1, 0)[..., None].contiguous())
    shift_and_sum = torch.eye(reach, dtype=columns.dtype, device=x.device)
    shift_and_sum = shift_and_sum.reshape(1, reach, *(1,) * (x.ndim - 3), reach)
    return _APPLY[x.ndim - 2](columns, shift_and_sum, bias)
