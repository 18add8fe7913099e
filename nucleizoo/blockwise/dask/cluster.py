"""Prediction by the workers of dask.distributed, on this machine or a cluster.

Workers must see the same files under the same paths. Results go to the scratch folder, as with a single
process: between processes go only names and numbers.
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

from nucleizoo.blockwise.dask.local import CPU, environments, start_cluster
from nucleizoo.blockwise.dask.scheduler import ANSWER_WITHIN, check_address
from nucleizoo.blockwise.dask.task import JobSpec, RunSpec, run_task
from nucleizoo.blockwise.dask.workers import Workers
from nucleizoo.blockwise.step import Executor, Step
from nucleizoo.core.errors import UserError

HERE = "local"
"""Address of a cluster of processes on this machine, one per GPU or core; a number is so many."""

AHEAD = 4
"""Tasks per worker that are submitted before they are done: the most that the client keeps track of."""

TRIES = 3
"""Attempts at a task whose error may be temporary."""

_LOUD = ("distributed.client", "distributed.utils", "tornado.application")
"""Loggers that print tracebacks when the scheduler is lost, which is reported here, and at Ctrl-C."""


class Cluster:
    """Workers of dask.distributed.

    Attributes:
        spec: of the segmenter that they open.
        is_local: whether they were started for this prediction, on this machine.

    Args:
        client: connected.
    """

    def __init__(self, client: Any, spec: RunSpec, *, is_local: bool) -> None:
        self.client, self.spec, self.is_local = client, spec, is_local
        self.workers = Workers(client, is_local=is_local)

    def __len__(self) -> int:
        """Number of workers, counted at most some seconds ago."""
        return len(self.workers)

    def executor(self, spec: JobSpec) -> Executor:
        """The executor of a job's tasks."""
        self.workers.check_memory(spec.limit)
        return partial(self._run_step, spec)

    def _run_step(self, spec: JobSpec, name: str, step: Step) -> Iterator[int]:
        """Have the missing tasks of a step done, a few submitted at a time."""
        missing, running = step.missing(), dict[Any, int]()
        arriving = SimpleQueue[Any]()
        call = secrets.token_hex(8)  # or dask would return the results of an earlier attempt

        def submit() -> None:
            wanted = AHEAD * max(len(self), 1) - len(running)
            for index in itertools.islice(missing, max(wanted, 0)):
                key = f"{name}-{index}-{call}"
                with self.workers.connected():
                    future = self.client.submit(
                        run_task, spec, name, index, key=key, pure=False, retries=TRIES - 1
                    )
                running[future] = index
                future.add_done_callback(arriving.put)

        submit()
        try:
            while running:
                future = self.workers.wait_for(arriving.get)
                index = running.pop(future)
                self._raise_failure(future, f"{name} {index}")
                submit()
                yield index
        finally:
            if self.client.status == "running":
                self.client.cancel(list(running))

    def _raise_failure(self, future: Any, task: str) -> None:
        """Raise the error of a task, if it has one."""
        from distributed import CancelledError, KilledWorker

        try:
            failure = self.workers.wait_for(partial(self._result, future))
        except KilledWorker as error:
            raise UserError(
                f"{task}: the workers that did it died, the last was {error.last_worker.address}; its log "
                "says why. Mostly memory is short: lower --max-memory, which is that of one worker, or take "
                "fewer of them, and rerun with --resume"
            ) from error
        except CancelledError as error:
            raise self.workers.lost() from error
        if failure is not None:
            raise failure

    def _result(self, future: Any, timeout: float) -> Exception | None:
        """What a finished task returned; if its worker dies now, the result is lost and computed again.

        Raises:
            Empty: when it does not arrive in time.
        """
        try:
            returned: Exception | None = future.result(timeout=timeout)
        except OSError as error:
            if future.status == "error":  # the task's own
                raise
            if isinstance(error, TimeoutError):
                raise Empty from error
            raise self.workers.lost() from error
        return returned


@contextmanager
def cluster(address: str, spec: RunSpec, device: torch.device = CPU) -> Iterator[Cluster]:
    """Workers to predict with.

    Args:
        address: `HERE`, a number of processes on this machine, or 'tcp://HOST:PORT' of a scheduler.
        spec: of the segmenter.
        device: that the run asks for, on this machine.

    Raises:
        UserError: when dask is not installed, no scheduler answers at the address within some seconds, or a
            worker has another version.
    """
    distributed = _library()
    if address == HERE or address.isdecimal():
        if address.isdecimal() and int(address) < 1:
            raise UserError(f"--dask is a number of processes, 1 or more; got {address}")
        each = environments(device, 0 if address == HERE else int(address))
        with start_cluster(distributed, each) as local:
            with distributed.Client(local) as client:
                yield Cluster(client, spec, is_local=True)
        return
    check_address(distributed, address)
    try:
        client = distributed.Client(address, timeout=ANSWER_WITHIN)
    except OSError as error:
        raise UserError(f"the scheduler {address} has stopped; see why, and restart it") from error
    with client:
        found = Cluster(client, spec, is_local=False)
        found.workers.wait()
        yield found


def _library() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UserError("--dask needs the package distributed: pip install 'nucleizoo[dask]'") from error
    logging.getLogger("distributed").setLevel(logging.ERROR)  # it logs every worker that comes or goes
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed
