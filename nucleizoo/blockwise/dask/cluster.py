"""Prediction by workers of dask.distributed, on this machine or a cluster.

Workers must see the same files under the same paths. Results go to the scratch folder, as with a single
process; only names and numbers are sent between processes.
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
"""Address of a cluster on this machine with one process per GPU or core; a number sets how many."""

AHEAD = 4
"""Tasks per worker that are submitted ahead: the most that the client keeps track of."""

TRIES = 3
"""Attempts at a task whose error may be temporary."""

_LOUD = ("distributed.client", "distributed.utils", "tornado.application")
"""Loggers that print tracebacks when the scheduler is lost, which is reported here, and at Ctrl-C."""


class Cluster:
    """Workers of dask.distributed.

    Attributes:
        spec: the run whose segmenter they open.
        is_local: whether they were started for this prediction, on this machine.

    Args:
        client: a connected client of dask.
    """

    def __init__(self, client: Any, spec: RunSpec, *, is_local: bool) -> None:
        self.client, self.spec, self.is_local = client, spec, is_local
        self.workers = Workers(client, is_local=is_local)

    def __len__(self) -> int:
        """Number of workers, counted at most a few seconds ago."""
        return len(self.workers)

    def executor(self, spec: JobSpec) -> Executor:
        """The executor of a job's tasks."""
        self.workers.check_memory(spec.limit)
        return partial(self._run_step, spec)

    def _run_step(self, spec: JobSpec, name: str, step: Step) -> Iterator[int]:
        """Run the missing tasks of a step on the workers, a few submitted at a time."""
        missing, running = step.missing(), dict[Any, int]()
        arriving = SimpleQueue[Any]()
        call = secrets.token_hex(8)  # otherwise dask would return the results of an earlier attempt

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
                f"{task}: the workers that ran it died, the last was {error.last_worker.address}; its log "
                "says why. Usually they run out of memory: lower --max-memory, which is per worker, or use "
                "fewer workers, and rerun with --resume"
            ) from error
        except CancelledError as error:
            raise self.workers.lost() from error
        if failure is not None:
            raise failure

    def _result(self, future: Any, timeout: float) -> Exception | None:
        """What a finished task returned; if its worker dies now, dask computes the result again.

        Raises:
            Empty: when it does not arrive within the timeout.
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
    """Start or connect to the workers that predict.

    Args:
        address: `HERE`, a number of processes on this machine, or 'tcp://HOST:PORT' of a scheduler.
        spec: the run whose segmenter they open.
        device: the run's device, for processes on this machine.

    Raises:
        UserError: when dask is not installed, no scheduler answers at the address within a few seconds, or a
            worker has another version of nucleizoo or torch.
    """
    distributed = _library()
    if address == HERE or address.isdecimal():
        if address.isdecimal() and int(address) < 1:
            raise UserError(f"--dask needs a number of processes of 1 or more; got {address}")
        each = environments(device, 0 if address == HERE else int(address))
        with start_cluster(distributed, each) as local:
            with distributed.Client(local) as client:
                yield Cluster(client, spec, is_local=True)
        return
    check_address(distributed, address)
    try:
        client = distributed.Client(address, timeout=ANSWER_WITHIN)
    except OSError as error:
        raise UserError(
            f"the dask scheduler {address} has stopped; its log says why: restart it, and rerun"
        ) from error
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
