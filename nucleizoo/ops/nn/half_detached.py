"""One pass of a network that counts as two: one that saw its input attached, and one that saw it detached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import Parameter

Pass = Callable[[Tensor], tuple[Tensor, Tensor]]


def half_detached(network: Pass, x: Tensor, parameters: Iterable[Parameter]) -> tuple[Tensor, Tensor]:
    """`network(x)[0]` and `network(x.detach())[1]`, in one pass.

    The values are those of either pass. Backwards, `parameters` get the gradient of both outputs, and x
    that of the first alone. This is exact, for a backward pass is linear in the gradient that it begins
    with: one for the sum gives the gradients of the parameters, and another, from the first output to x,
    leaves them out. Where two passes take forward, to inputs and to weights twice each, this takes
    one, two and one: two thirds.

    Args:
        network: gives two tensors, and nothing but `parameters` and its argument gets gradient from them.
        x: any tensor.
        parameters: those of the network.

    Returns:
        Both outputs.
    """
    trained = [p for p in parameters if p.requires_grad]
    if not (x.requires_grad and torch.is_grad_enabled()):
        return network(x)
    attached, detached = _HalfDetached.apply(network, x, *trained)  # type: ignore[no-untyped-call]
    return attached, detached


class _HalfDetached(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, network: Pass, x: Tensor, *trained: Parameter) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            entered = x.detach().requires_grad_()
            outputs = network(entered)
        # saved, and not merely kept: the graph within is freed when the one around it is
        ctx.save_for_backward(entered, *outputs, *trained)
        ctx.set_materialize_grads(False)
        return outputs[0].detach(), outputs[1].detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        entered, first, second, *trained = ctx.saved_tensors
        to_x = _gradients([first], [entered], grads[:1])
        return None, *to_x, *_gradients([first, second], trained, grads)


def _gradients(
    outputs: list[Tensor], inputs: list[Tensor], grads: tuple[Tensor | None, ...]
) -> tuple[Tensor | None, ...]:
    """What of the outputs' gradients reaches the inputs."""
    reached = [(y, grad) for y, grad in zip(outputs, grads, strict=True) if grad is not None]
    if not (reached and inputs):
        return (None,) * len(inputs)
    some, theirs = zip(*reached, strict=True)
    return torch.autograd.grad(some, inputs, theirs, retain_graph=True, allow_unused=True)
