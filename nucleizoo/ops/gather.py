"""A place in the graph where the gradients of several backward passes meet before going on as one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def gather_gradients(x: Tensor, passes: int) -> Tensor:
    """The identity; its backward waits until it was reached `passes` times and hands on the sum.

    When two updates of one step go back through the same network, this makes it one traversal
    instead of two; the gradients are the same but for rounding. Each of the passes must reach it;
    one more is a bug of the method and fails.
    """
    gathered: Tensor = _Gather.apply(x, passes)  # type: ignore[no-untyped-call]
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, passes: int) -> Tensor:
        ctx.left, ctx.total = passes, None
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None]:
        assert ctx.left > 0, "gather_gradients was reached more often than it was told"
        ctx.total = grad if ctx.total is None else ctx.total + grad
        ctx.left -= 1
        if ctx.left:
            return None, None
        total, ctx.total = ctx.total, None
        return total, None
