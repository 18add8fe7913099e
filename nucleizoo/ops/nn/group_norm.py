"""Group normalisation with a backward pass that is fast on a CPU in the channels-last layout.

In that layout the library's backward takes six times as long as in the contiguous one, and as long as
that of the convolution before it. Forward, and on a GPU, the library's own kernels run.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nucleizoo.ops.nn.layout import channels_last, spread

_CACHE_LINE = 64
"""Bytes."""


def group_norm(x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """`torch.nn.functional.group_norm`.

    Args:
        x: (B, C, *S) of 2 or 3 spatial axes.
        groups: of channels, which share mean and variance.
        weight: (C,), dtype of x.
        bias: (C,), dtype of x.
        eps: added to the variance.

    Returns:
        (B, C, *S).
    """
    if x.is_cuda or x.is_contiguous() or not x.is_contiguous(memory_format=channels_last(x.ndim - 2)):
        return F.group_norm(x, groups, weight, bias, eps)
    y: Tensor = _GroupNorm.apply(x, groups, weight, bias, eps)  # type: ignore[no-untyped-call]
    return y


class _GroupNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        batch, channels, values = len(x), x.shape[1], x[0, 0].numel()
        y, mean, rate = torch.native_group_norm(x, weight, bias, batch, channels, values, groups, eps)
        ctx.save_for_backward(x, mean, rate, weight, bias)
        ctx.groups, ctx.eps = groups, eps
        ctx.set_materialize_grads(False)
        made: Tensor = y
        return made

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return (None,) * 5
        x, mean, rate, weight, bias = ctx.saved_tensors
        if torch.is_grad_enabled():  # this backward is differentiated again: the library's can be
            y = F.group_norm(x, ctx.groups, weight, bias, ctx.eps)
            needed = [one for one, i in ((x, 0), (weight, 2), (bias, 3)) if ctx.needs_input_grad[i]]
            made = iter(torch.autograd.grad(y, needed, grad, create_graph=True))
            dx, dw, db = (next(made) if ctx.needs_input_grad[i] else None for i in (0, 2, 3))
            return dx, None, dw, db, None
        grad = grad.contiguous(memory_format=channels_last(x.ndim - 2))
        repeats = x.shape[1] // mean.shape[1]
        mean, rate = (m.repeat_interleave(repeats, dim=1) for m in (mean, rate))  # by channel
        along, summed = _sums(grad, x, mean)
        dx = None
        if ctx.needs_input_grad[0]:
            count = repeats * x[0, 0].numel()
            shape = (len(x), -1, repeats)
            of_group = [
                (weight * one).reshape(shape).sum(2).div(count).repeat_interleave(repeats, dim=1)
                for one in (along, summed)
            ]
            tilt = -(rate**3) * of_group[0]
            start = -rate * of_group[1] - tilt * mean
            dx = torch.addcmul(spread(start, x), x, spread(tilt, x))
            dx.addcmul_(grad, spread(rate * weight, x))
        return dx, None, (along * rate).sum(0), summed.sum(0), None


def _sums(grad: Tensor, x: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """The sums over space of grad times x less its mean, and of grad, both (B, C), in one reading.

    The library computes them as the gradients of weight and bias in batch normalisation, of one sample here.
    Its threads add to neighbouring memory. Where that is one cache line, two threads take longer than one:
    there a row of voxels counts as one voxel of many channels.
    """
    channels = x.shape[1]
    row = x.shape[-1] if channels * x.element_size() % _CACHE_LINE else 1
    off = (False, True, True)
    sums = []
    for g, v, m in zip(_rows(grad, row), _rows(x, row), mean.repeat(1, row), strict=True):
        both = torch.ops.aten.native_batch_norm_backward(
            g, v, None, None, None, m, torch.ones_like(m), True, 0.0, off
        )[1:]
        sums.append([one.view(row, channels).sum(0) for one in both])
    along, summed = (torch.stack(of_samples) for of_samples in zip(*sums, strict=True))
    return along, summed


def _rows(x: Tensor, row: int) -> tuple[Tensor, ...]:
    """Each sample of channels-last (B, C, ..., W) as (1, row * C, positions, 1), without a copy."""
    flat = x.movedim(1, -1).reshape(len(x), -1, row * x.shape[1])
    return torch.split(flat.movedim(-1, 1).unsqueeze(-1), 1)
