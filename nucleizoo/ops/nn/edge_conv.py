"""Convolutions that repeat the edge of a picture around it, with a padding that is fast on a CPU.

The library pads voxel by voxel. Here the picture is copied as a whole and its edges after it, and
backwards the same: half the time and a third, and the result is the same. Where memory is not channels
last, and on a GPU, the library pads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.ops.nn.layout import channels_last

_APPLY = {2: F.conv2d, 3: F.conv3d}


class _Edged:
    """Overrides the one method in which `nn.Conv2d` and `nn.Conv3d` do their work."""

    _reversed_padding_repeated_twice: list[int]
    stride: tuple[int, ...]

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padded = repeat_edges(x, self._reversed_padding_repeated_twice[::-2])
        return _APPLY[weight.ndim - 2](padded, weight, bias, self.stride)


class EdgeConv2d(_Edged, nn.Conv2d):
    """`nn.Conv2d` whose padding_mode is 'replicate'; no dilation, no groups."""


class EdgeConv3d(_Edged, nn.Conv3d):
    """`nn.Conv3d` whose padding_mode is 'replicate'; no dilation, no groups."""


def repeat_edges(x: Tensor, widths: Sequence[int]) -> Tensor:
    """`torch.nn.functional.pad` in the mode 'replicate'.

    Args:
        x: (B, C, *S).
        widths: for every axis of S, how often the edge is repeated at either end.
    """
    if not any(widths):
        return x
    if x.is_cuda or not x.is_contiguous(memory_format=channels_last(x.ndim - 2)):
        return F.pad(x, [width for width in reversed(widths) for _ in range(2)], mode="replicate")
    padded: Tensor = _RepeatEdges.apply(x, tuple(widths))  # type: ignore[no-untyped-call]
    return padded


class _RepeatEdges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, widths: tuple[int, ...]) -> Tensor:
        ctx.widths = widths
        ctx.set_materialize_grads(False)
        size = [n + 2 * width for n, width in zip(x.shape[2:], widths, strict=True)]
        padded = torch.empty(
            [*x.shape[:2], *size], dtype=x.dtype, device=x.device, memory_format=channels_last(len(size))
        )
        middle = padded
        for axis, width in enumerate(widths, 2):
            middle = middle.narrow(axis, width, x.shape[axis])
        middle.copy_(x)
        for axis, width in enumerate(widths, 2):
            if not width:
                continue
            first, last = width, padded.shape[axis] - width - 1
            # corners that hold nothing yet are written again by the axes that follow
            padded.narrow(axis, 0, width).copy_(padded.narrow(axis, first, 1))
            padded.narrow(axis, last + 1, width).copy_(padded.narrow(axis, last, 1))
        return padded

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None]:
        if grad is None:
            return None, None
        if torch.is_grad_enabled():  # this backward is differentiated again: the library's can be
            size = [n - 2 * width for n, width in zip(grad.shape[2:], ctx.widths, strict=True)]
            middle = grad.new_zeros(
                [*grad.shape[:2], *size], requires_grad=True
            )  # linear: any values will do
            padding = [width for width in reversed(ctx.widths) for _ in range(2)]
            padded = F.pad(middle, padding, mode="replicate")
            return torch.autograd.grad(padded, middle, grad, create_graph=True)[0], None
        return _folded(grad, ctx.widths), None


def _folded(grad: Tensor, widths: tuple[int, ...]) -> Tensor:
    """A copy without the padding, whose gradient is added to the edge that it repeats."""
    if not widths:
        return grad.clone(memory_format=channels_last(grad.ndim - 2))
    axis, width = grad.ndim - len(widths), widths[0]
    count = grad.shape[axis] - 2 * width
    middle = _folded(grad.narrow(axis, width, count), widths[1:])
    if width:
        for edge, beyond in ((0, 0), (count - 1, width + count)):
            outer = grad.narrow(axis, beyond, width).sum(axis, keepdim=True)
            middle.narrow(axis, edge, 1).add_(_folded(outer, widths[1:]))
    return middle
