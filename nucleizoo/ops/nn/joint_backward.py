"""A node of the graph where the gradients of several backward passes are summed before going on as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class _Meeting:
    """The number of passes still to come, and the sum of the gradients so far."""

    left: int
    total: Tensor | None = None


_begun: ContextVar[list[_Meeting] | None] = ContextVar("meetings", default=None)
"""Those of the innermost `all_gathered` block; None outside a block."""


def gather_gradients(x: Tensor, passes: int) -> Tensor:
    """The identity; its backward waits until `passes` gradients have arrived and passes on their sum.

    When two updates of one step go back through the same network, it is traversed once instead of twice;
    the gradients are the same up to rounding. Every pass must reach this node: one too many fails here, one
    too few fails in `all_gathered`; both are bugs of the method.
    """
    meeting, begun = _Meeting(passes), _begun.get()
    gathered: Tensor = _Gather.apply(x, meeting)  # type: ignore[no-untyped-call]
    if begun is not None and x.requires_grad and torch.is_grad_enabled():
        begun.append(meeting)
    return gathered


@contextmanager
def all_gathered() -> Iterator[None]:
    """A block at whose end no `gather_gradients` may still wait for a pass: its gradient would be lost."""
    begun: list[_Meeting] = []
    token = _begun.set(begun)
    try:
        yield
    finally:
        _begun.reset(token)
    missing = [meeting.left for meeting in begun if meeting.left]
    assert not missing, f"gather_gradients was reached too seldom: {missing[0]} of its passes are missing"


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, meeting: _Meeting) -> Tensor:
        ctx.meeting = meeting
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None]:
        meeting: _Meeting = ctx.meeting
        assert meeting.left > 0, "gather_gradients was reached more often than its `passes`"
        meeting.total = grad if meeting.total is None else meeting.total + grad
        meeting.left -= 1
        if meeting.left:
            return None, None
        total, meeting.total = meeting.total, None
        return total, None
