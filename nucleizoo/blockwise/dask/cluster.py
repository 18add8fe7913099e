"""Units of work done by the workers of dask.distributed, on this machine or on many.

Workers must see the same files under the same paths. What is found goes to the scratch folder, as when one
process works alone: between processes go names and numbers only.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import torch

from nucleizoo.blockwise.dask.local import CPU, places, started
from nucleizoo.blockwise.dask.scheduler import ANSWER_WITHIN, check_address
from nucleizoo.blockwise.dask.task import Order, RunSpec, do
from nucleizoo.blockwise.dask.workers import Workers
from nucleizoo.blockwise.step import Crew, Step
from nucleizoo.core.errors import UserError

HERE = "local"
"""Stands for a cluster of processes on this machine, one a GPU or a core; a number for so many."""

AHEAD = 4
"""Units a worker that are submitted before they are done; so many does the driver know of at once."""

TRIES = 3
"""How often a unit is tried that fails for a reason that may pass."""

_LOUD = ("distributed.client", "distributed.utils", "tornado.application")
"""Loggers that tell, with the whole way to it, the loss of the scheduler, which is told here, and Ctrl-C."""


class Cluster:
    """Workers of dask.distributed.

    Attributes:
        spec: of the segmenter that they open.
        is_local: whether they were started for this, on this machine.

    Args:
        client: connected.
    """

    def __init__(self, client: Any, spec: RunSpec, *, is_local: bool) -> None:
        self.client, self.spec, self.is_local = client, spec, is_local
        self.workers = Workers(client, is_local=is_local)

    def __len__(self) -> int:
        """How many workers there are, or were some seconds ago."""
        return len(self.workers)

    def crew(self, order: Order) -> Crew:
        """Those who do the units of a job."""
        self.workers.see_memory(order.limit)
        return partial(self._each, order)

    def _each(self, order: Order, name: str, step: Step) -> Iterator[int]:
        """Have the units done that are missing, a few submitted at a time."""
        missing, running = step.missing(), dict[Any, int]()
        arriving = SimpleQueue[Any]()
        call = secrets.token_hex(8)  # or dask would give what an earlier try gave

        def submit() -> None:
            wanted = AHEAD * max(len(self), 1) - len(running)
            for index in itertools.islice(missing, max(wanted, 0)):
                key = f"{name}-{index}-{call}"
                with self.workers.connected():
                    future = self.client.submit(
                        do, order, name, index, key=key, pure=False, retries=TRIES - 1
                    )
                running[future] = index
                future.add_done_callback(arriving.put)

        submit()
        try:
            while running:
                future = self.workers.patiently(arriving.get)
                index = running.pop(future)
                self._told(future, f"{name} {index}")
                submit()
                yield index
        finally:
            if self.client.status == "running":
                self.client.cancel(list(running))

    def _told(self, future: Any, unit: str) -> None:
        """Raise what prevented a unit."""
        from distributed import CancelledError, KilledWorker

        try:
            refused = self.workers.patiently(partial(self._result, future))
        except KilledWorker as error:
            raise UserError(
                f"{unit}: the workers that did it died, the last was {error.last_worker.address}; its log "
                "says why. Mostly memory is short: lower --max-memory, which is that of one worker, or take "
                "fewer of them, and go on with --resume"
            ) from error
        except CancelledError as error:
            raise self.workers.lost() from error
        if refused is not None:
            raise refused

    def _result(self, future: Any, timeout: float) -> Exception | None:
        """What a unit that is done gave; a worker that dies now takes it along, and it is done again.

        Raises:
            Empty: when it is not here so soon.
        """
        try:
            given: Exception | None = future.result(timeout=timeout)
        except OSError as error:
            if future.status == "error":  # the unit's own
                raise
            if isinstance(error, TimeoutError):
                raise Empty from error
            raise self.workers.lost() from error
        return given


@contextmanager
def cluster(address: str, spec: RunSpec, device: torch.device = CPU) -> Iterator[Cluster]:
    """Workers to predict with.

    Args:
        address: `HERE`, a number of processes on this machine, or 'tcp://HOST:PORT' of a scheduler.
        spec: of the segmenter.
        device: that the run asks for, on this machine.

    Raises:
        UserError: when dask is not installed, nobody answers at the address within some seconds, or a worker
            has another version.
    """
    distributed = _library()
    if address == HERE or address.isdecimal():
        if address.isdecimal() and int(address) < 1:
            raise UserError(f"--dask is a number of processes, 1 or more; got {address}")
        each = places(device, 0 if address == HERE else int(address))
        with started(distributed, each) as local:
            with distributed.Client(local) as client:
                yield Cluster(client, spec, is_local=True)
        return
    check_address(distributed, address)
    try:
        client = distributed.Client(address, timeout=ANSWER_WITHIN)
    except OSError as error:
        raise UserError(f"the scheduler {address} is gone again; see why, and start it anew") from error
    with client:
        found = Cluster(client, spec, is_local=False)
        found.workers.wait()
        yield found


def _library() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UserError("--dask needs the package distributed: pip install 'nucleizoo[dask]'") from error
    logging.getLogger("distributed").setLevel(logging.ERROR)  # it tells every coming and going
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed
