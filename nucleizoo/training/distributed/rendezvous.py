"""Rendezvous of the processes that torchrun starts, and the vote that detects failed or lost ranks.

All ranks vote before they exchange anything: one that has failed says so in its vote, and the others stop
instead of waiting for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from nucleizoo.core.errors import RankError, UserError
from nucleizoo.core.format import first_line
from nucleizoo.training.workers import WORKER_LOST

PATIENCE = timedelta(days=7)
"""Timeout for a rank that is busy, validating for hours; a lost rank is noticed at once."""

FAREWELL = timedelta(seconds=15)
"""Timeout for telling the other ranks that this one has failed."""

_made = count(1)


class Rendezvous:
    """The processes of one training, until it is left.

    Attributes:
        number: of this rank.
        count: total number of ranks.
        gloo: the process group that exchanges plain values.

    Raises:
        UserError: when the processes cannot connect.
    """

    number: int
    count: int

    def __init__(self) -> None:
        try:
            store, self.number, self.count = next(rendezvous("env://"))
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if dist.is_nccl_available() else "gloo",
                # a prefix of its own: the store may hold stale addresses of an earlier rendezvous
                store=PrefixStore(f"rendezvous {next(_made)}", store),
                rank=self.number,
                world_size=self.count,
            )
            self.gloo = dist.new_group(backend="gloo", timeout=PATIENCE)
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but the processes of this training cannot "
                f"connect ({_reason(error)}); start them with torchrun, or unset WORLD_SIZE to train in one"
            ) from error

    def leave(self) -> None:
        """Close all connections."""
        dist.destroy_process_group()

    def any(self, said: bool) -> bool:
        """Whether any rank says so; waits for all of them.

        Raises:
            RankError: when another rank has failed.
            UserError: when another rank was lost.
        """
        with self._connected():
            failed, told = self._vote(False, said, PATIENCE)
        if failed is not None:
            raise RankError(f"rank {failed} has failed; see its message")
        return told

    def failed(self) -> int:
        """Tell the others that this rank has failed; returns the first rank that has."""
        try:
            first, _ = self._vote(True, False, FAREWELL)
        except RuntimeError:  # they are gone, or too busy to listen
            return self.number
        return self.number if first is None else first

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """A block in which all ranks exchange data, entered once all have reached it.

        Raises:
            RankError: when another rank has failed.
            UserError: when another rank was lost.
        """
        self.any(False)
        with self._connected():
            yield

    def _vote(self, failed: bool, said: bool, patience: timedelta) -> tuple[int | None, bool]:
        """The first rank that has failed, and whether any rank says so."""
        vote = torch.tensor([self.count - self.number if failed else 0, int(said)])
        dist.all_reduce(vote, dist.ReduceOp.MAX, group=self.gloo, async_op=True).wait(patience)
        lowest, told = vote.tolist()
        return (self.count - lowest if lowest else None), bool(told)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Report a connection that broke because the process at its other end was lost."""
        try:
            yield
        except RuntimeError as error:
            if str(error).startswith(WORKER_LOST):  # PyTorch raises it anywhere in this process
                raise
            if self.number:
                raise RankError("a rank was lost; see the message of the first one") from error
            raise UserError(
                "another process of this training was lost: killed, out of memory, or on a machine that is "
                f"gone ({_reason(error)}). Train with --resume to continue from the last checkpoint"
            ) from error


def _reason(error: BaseException) -> str:
    """The first line of PyTorch's message, without its position in the source code."""
    return re.sub(r"^\[\S+\] ", "", first_line(error)).strip(" .")
