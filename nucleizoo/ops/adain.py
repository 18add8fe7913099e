"""Instance normalisation, plain or adaptive, with its activation, as one node of the graph.

`torch.var_mean` over a channels-last tensor takes, on a CPU, some thirty times as long as the sums
it is made of, and the chain normalise, scale, shift, activate keeps four copies of every feature
map. This node reads and writes memory as little as plain tensor operations allow, keeps the layout
of its input, and has its own backward; tests hold it against the plain chain.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

EPS = 1e-5  # added to the variance, as in torch.nn.InstanceNorm2d


def adain(x: Tensor, scale: Tensor, shift: Tensor, *, slope: float = 1.0) -> Tensor:
    """Normalise every channel of every sample, then scale and shift it, then activate.

    Args:
        x: (B, C, *S), float32, float64 or bfloat16, any memory layout.
        scale: (B, C), multiplies the normalised channel.
        shift: (B, C), added after that.
        slope: of the activation below zero: 0 is ReLU, 0.2 a leaky ReLU, 1 none.

    Returns:
        (B, C, *S), dtype and layout of x. Statistics of bfloat16 are float32; the variance is the
        biased one.
    """
    y: Tensor = _AdaIN.apply(x, scale, shift, slope)  # type: ignore[no-untyped-call]
    return y


def instance_norm(x: Tensor, *, slope: float = 1.0) -> Tensor:
    """`adain` with scale 1 and shift 0."""
    y: Tensor = _AdaIN.apply(x, None, None, slope)  # type: ignore[no-untyped-call]
    return y


class _AdaIN(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor | None, shift: Tensor | None, slope: float) -> Tensor:
        wide, count = _wide(x), x[0, 0].numel()
        mean = _sum(x) / count
        rounded = mean.to(x.dtype)
        off = mean - rounded  # what rounding the mean to bfloat16 left in `centred`
        centred = x - rounded[wide]
        rate = torch.rsqrt(_sum(centred * centred) / count - off.square() + EPS)
        gain = rate if scale is None else scale.to(rate.dtype) * rate
        start = -off * gain if shift is None else shift.to(rate.dtype) - off * gain
        y = torch.addcmul(start.to(x.dtype)[wide], centred, gain.to(x.dtype)[wide])
        if slope != 1:
            torch.nn.functional.leaky_relu_(y, slope)
        ctx.save_for_backward(centred, off, rate, gain, y if slope != 1 else None)
        ctx.slope, ctx.style = slope, None if scale is None else scale.dtype
        ctx.set_materialize_grads(False)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None
        centred, off, rate, gain, y = ctx.saved_tensors
        wide, count = _wide(grad), grad[0, 0].numel()
        if y is not None:
            grad = torch.ops.aten.leaky_relu_backward(grad, y, ctx.slope, True)
        total = _sum(grad)
        along = (
            _sum(grad * centred) - off * total
        ) * rate  # sum over space of gradient times normalised value
        dx = None
        if ctx.needs_input_grad[0]:
            tilt = -gain * along * rate / count
            start = -gain * total / count - tilt * off
            dx = torch.addcmul(start.to(grad.dtype)[wide], centred, tilt.to(grad.dtype)[wide])
            dx.addcmul_(grad, gain.to(grad.dtype)[wide])
        if ctx.style is None:
            return dx, None, None, None
        return dx, along.to(ctx.style), total.to(ctx.style), None


def _wide(x: Tensor) -> tuple[Any, ...]:
    """The index that spreads (B, C) over the spatial axes of x."""
    return (..., *(None,) * (x.ndim - 2))


def _sum(x: Tensor) -> Tensor:
    """The sum over space, (B, C), at least float32."""
    return x.sum(tuple(range(2, x.ndim)), dtype=torch.promote_types(x.dtype, torch.float32))
