"""Instance normalisation, plain or adaptive (AdaIN), with its activation, as one node of the graph.

On a CPU, `torch.var_mean` of a channels-last tensor takes some thirty times as long as the sums that it
computes, and the chain normalise, scale, shift, activate keeps four copies of every feature map. This node
reads and writes memory as little as plain tensor operations allow, keeps the layout of its input, and has
its own backward. Tests compare it with the plain chain, which replaces it where a backward is
differentiated again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nucleizoo.ops.nn import norm_statistics
from nucleizoo.ops.nn.norm_statistics import centre, total, wide

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
        biased one. Inside `norm_statistics.watched` they may differ from those of x.
    """
    if norm_statistics.is_watched():
        return _as_told(x, scale, shift, slope)
    y: Tensor = _AdaIN.apply(x, scale, shift, slope)  # type: ignore[no-untyped-call]
    return y


def instance_norm(x: Tensor, *, slope: float = 1.0) -> Tensor:
    """`adain` with scale 1 and shift 0."""
    if norm_statistics.is_watched():
        return _as_told(x, None, None, slope)
    y: Tensor = _AdaIN.apply(x, None, None, slope)  # type: ignore[no-untyped-call]
    return y


def _as_told(x: Tensor, scale: Tensor | None, shift: Tensor | None, slope: float) -> Tensor:
    mean, variance = norm_statistics.moments(x)
    centred, off = centre(x, mean)
    return _styled(centred, off, torch.rsqrt(variance + EPS), scale, shift, slope)[0]


def _styled(
    centred: Tensor, off: Tensor, rate: Tensor, scale: Tensor | None, shift: Tensor | None, slope: float
) -> tuple[Tensor, Tensor]:
    """The output of `centre`, scaled, shifted and activated; and the gain (B, C) that scaled it."""
    at, dtype = wide(centred), centred.dtype
    gain = rate if scale is None else scale.to(rate.dtype) * rate
    start = -off * gain if shift is None else shift.to(rate.dtype) - off * gain
    y = torch.addcmul(start.to(dtype)[at], centred, gain.to(dtype)[at])
    if slope != 1:
        torch.nn.functional.leaky_relu_(y, slope)
    return y, gain


class _AdaIN(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor | None, shift: Tensor | None, slope: float) -> Tensor:
        count = x[0, 0].numel()
        mean = total(x) / count
        centred, off = centre(x, mean)
        rate = torch.rsqrt(total(centred * centred) / count - off.square() + EPS)
        y, gain = _styled(centred, off, rate, scale, shift, slope)
        ctx.save_for_backward(x, scale, shift, mean, rate, gain, y if slope != 1 else None)
        ctx.slope = slope
        ctx.set_materialize_grads(False)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None
        x, scale, shift, mean, rate, gain, y = ctx.saved_tensors
        if torch.is_grad_enabled():  # this backward is differentiated again, as for a gradient penalty
            return *_plain_backward(ctx, x, scale, shift, grad), None
        (centred, off), at, count = centre(x, mean), wide(grad), grad[0, 0].numel()
        if y is not None:
            grad = torch.ops.aten.leaky_relu_backward(grad, y, ctx.slope, True)
        summed = total(grad)
        # the sum over space of gradient times normalised value
        along = (total(grad * centred) - off * summed) * rate
        dx = None
        if ctx.needs_input_grad[0]:
            tilt = -gain * along * rate / count
            start = -gain * summed / count - tilt * off
            dx = torch.addcmul(start.to(grad.dtype)[at], centred, tilt.to(grad.dtype)[at])
            dx.addcmul_(grad, gain.to(grad.dtype)[at])
        if scale is None:
            return dx, None, None, None
        return dx, along.to(scale.dtype), summed.to(scale.dtype), None


def _plain_backward(
    ctx: Any, x: Tensor, scale: Tensor | None, shift: Tensor | None, grad: Tensor
) -> list[Tensor | None]:
    """The gradients of `adain` through plain operations, which can be differentiated again."""
    given = zip((x, scale, shift), ctx.needs_input_grad, strict=False)
    inputs = [one for one, needed in given if needed and one is not None]
    made = iter(torch.autograd.grad(_as_told(x, scale, shift, ctx.slope), inputs, grad, create_graph=True))
    return [next(made) if needed else None for needed in ctx.needs_input_grad[:3]]
