"""Communication between processes that train together: nccl between GPUs, gloo between CPUs."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import Parameter

from nucleizoo.core.errors import ConfigError, RankError, UserError
from nucleizoo.training.distributed.ranks import ALONE, Ranks, T
from nucleizoo.training.distributed.rendezvous import Rendezvous

_current: ContextVar[Ranks | None] = ContextVar("ranks", default=None)


@contextmanager
def process_group() -> Iterator[Ranks]:
    """A block that all processes started by torchrun run together; a nested one reuses the outer one.

    Inside, only the first rank logs. When several ranks fail, the first of them raises its own error.

    Raises:
        RankError: on all other ranks.
        UserError: when the processes cannot connect.
    """
    ranks = _current.get()
    if ranks is not None or _told("WORLD_SIZE", 1) == 1:
        yield ranks or ALONE
        return
    met = _DistributedRanks(rendezvous := Rendezvous())
    token = _current.set(met)
    if not met.is_first:
        logging.disable(logging.WARNING)
    try:
        yield met
        met.any(False)  # so that all ranks end together
    except RankError:
        raise
    except BaseException as error:
        if (first := rendezvous.failed()) != met.number:
            raise RankError(f"rank {first} has failed too; see its message") from error
        raise
    finally:
        logging.disable(logging.NOTSET)
        _current.reset(token)
        rendezvous.leave()


class _DistributedRanks(Ranks):
    """One of several processes. All of them make the same calls in the same order."""

    def __init__(self, rendezvous: Rendezvous) -> None:
        self.rendezvous, self.number, self.count = rendezvous, rendezvous.number, rendezvous.count
        self.local_count = _told("LOCAL_WORLD_SIZE", 1)

    def place(self, device: torch.device) -> torch.device:
        """The device of this rank: one GPU per rank on a machine, or the CPU for all.

        Raises:
            ConfigError: when there are fewer GPUs than ranks, or the device is one GPU or of another type.
        """
        if device.type == "cpu":
            return device
        own, there = _told("LOCAL_RANK", 0), torch.cuda.device_count()
        if device.type != "cuda" or device.index is not None:
            raise ConfigError(
                f"SYSTEM.DEVICE: {device} cannot be used by {self.count} processes; set auto, cpu or cuda"
            )
        if own >= there:
            raise ConfigError(
                f"SYSTEM.DEVICE: {self.local_count} processes need a GPU each, but this machine has {there}; "
                f"start {there} of them (torchrun --nproc-per-node), or set SYSTEM.DEVICE cpu"
            )
        torch.cuda.set_device(own)
        return torch.device("cuda", own)

    def any(self, said: bool) -> bool:
        """Whether any rank says so, by one vote."""
        return self.rendezvous.any(said)

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns on the first rank, broadcast to all."""
        held: list[Any] = [make() if self.is_first else None]
        with self.rendezvous.exchange():
            dist.broadcast_object_list(held, src=0, group=self.rendezvous.gloo)
        made: T = held[0]
        return made

    def gathered(self, value: Any) -> list[Any]:
        """The values of all ranks, on the first; serialised as checkpoints, so tensors arrive on the CPU."""
        content = io.BytesIO()
        torch.save(value, content)
        packed: list[Any] | None = [None] * self.count if self.is_first else None
        with self.rendezvous.exchange():
            dist.gather_object(content.getvalue(), packed, dst=0, group=self.rendezvous.gloo)
        return [torch.load(io.BytesIO(one), map_location="cpu", weights_only=True) for one in packed or ()]

    @torch.no_grad()
    def broadcast(self, weights: dict[str, Tensor]) -> None:
        """Copy the weights of the first rank to all, in one broadcast."""
        given = self.from_first(lambda: {name: value.cpu() for name, value in weights.items()})
        for name, value in weights.items():
            value.copy_(given[name])

    @torch.no_grad()
    def average(self, parameters: Sequence[Parameter]) -> None:
        """Average in one all-reduce of all gradients, concatenated with how many ranks have each."""
        grads = [parameter.grad for parameter in parameters]
        rows = [
            (torch.zeros_like(one) if grad is None else grad).flatten()
            for one, grad in zip(parameters, grads, strict=True)
        ]
        reached = rows[0].new_tensor([float(grad is not None) for grad in grads])
        row = self._summed(torch.cat([*rows, reached]))
        *sums, reached = torch.split(row, [len(one) for one in rows] + [len(rows)])
        # reading the counts waits for the GPU, and is only needed when this rank lacks a gradient
        wanted = reached.tolist() if any(grad is None for grad in grads) else [1.0] * len(rows)
        for one, total, by in zip(parameters, sums, wanted, strict=True):
            if by:
                one.grad = torch.empty_like(one) if one.grad is None else one.grad
                one.grad.copy_((total / self.count).view_as(one))

    def mean(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The mean of each scalar, in one all-reduce."""
        total = self._summed(torch.stack(list(losses.values())))
        return dict(zip(losses, (total / self.count).unbind(), strict=True))

    def _summed(self, row: Tensor) -> Tensor:
        """The sum over ranks, in float32 or higher precision."""
        row = row.to(torch.promote_types(row.dtype, torch.float32))
        with self.rendezvous.exchange():
            dist.all_reduce(row)
        return row


def _told(name: str, otherwise: int) -> int:
    """A number from an environment variable that torchrun sets."""
    try:
        return int(os.environ.get(name, otherwise))
    except ValueError as error:
        raise UserError(
            f"the environment variable {name} is '{os.environ[name]}', not a number; start several processes "
            f"with torchrun, or unset {name} to train in one"
        ) from error
