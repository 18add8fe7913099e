"""Units of work done by the workers of dask.distributed, on this machine or on many.

Workers must see the same files under the same paths. What is found goes to the scratch folder, as when one
process works alone: between processes go names and numbers only.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np

from nucleizoo.core.errors import UserError
from nucleizoo.large._order import PACKAGES, Order, Source, check_versions, do, versions
from nucleizoo.large._step import Crew, Step

HERE = "local"
"""Stands for a cluster of processes on this machine, one a core; a number for so many."""

ANSWER_WITHIN = 10.0
"""Seconds that a scheduler has to answer, and to have a worker."""

AHEAD = 4
"""Units a worker that are submitted before they are done; so many does the driver know of at once."""

COUNT_EVERY = 5.0
"""Seconds between two looks at how many workers there are."""

TRIES = 3
"""How often a unit is tried that fails for a reason that may pass."""

log = logging.getLogger(__name__)


class Cluster:
    """Workers of dask.distributed.

    Attributes:
        source: of the segmenter that they open.
        is_local: whether they were started for this, on this machine.

    Args:
        client: connected.
    """

    def __init__(self, client: Any, source: Source, *, is_local: bool) -> None:
        self.client, self.source, self.is_local = client, source, is_local
        self._workers, self._counted = set[str](), -np.inf

    def __len__(self) -> int:
        """How many workers there are, or were some seconds ago."""
        if time.monotonic() - self._counted > COUNT_EVERY:
            now = set(self.client.nthreads())
            for worker in self._workers - now:
                log.warning("the worker %s is gone; what it was at is done by another", worker)
            self._workers, self._counted = now, time.monotonic()
        return len(self._workers)

    def crew(self, order: Order) -> Crew:
        """Those who do the units of a job."""
        return partial(self._each, order)

    def check(self) -> None:
        """Refuse workers that may not give the same labels; those that come later are asked when they do.

        Raises:
            UserError: when there is none, or one has another version of what matters.
        """
        try:
            self.client.wait_for_workers(1, timeout=ANSWER_WITHIN)
        except TimeoutError as error:
            raise UserError(
                f"the scheduler {self._address} has no worker; start some with 'dask worker {self._address} "
                "--nthreads 1'"
            ) from error
        # told by the standard library: a worker need not have nucleizoo to answer
        told = [self.client.run(metadata.version, name, on_error="return") for name in PACKAGES]
        for worker in told[0]:
            found = tuple("(none)" if isinstance(one[worker], Exception) else one[worker] for one in told)
            check_versions(worker, found, versions())

    def _each(self, order: Order, name: str, step: Step) -> Iterator[int]:
        """Have the units done that are missing, a few submitted at a time."""
        missing, running = step.missing(), dict[Any, int]()
        arriving: Any = _library().as_completed()
        call = secrets.token_hex(8)  # or dask would give what an earlier try gave

        def submit() -> None:
            wanted = AHEAD * max(len(self), 1) - len(running)
            for index in itertools.islice(missing, max(wanted, 0)):
                key = f"{name}-{index}-{call}"
                future = self.client.submit(do, order, name, index, key=key, pure=False, retries=TRIES - 1)
                running[future] = index
                arriving.add(future)

        submit()
        try:
            for future in arriving:
                index = running.pop(future)
                self._told(future, f"{name} {index}")
                submit()
                yield index
        finally:
            self.client.cancel(list(running))

    def _told(self, future: Any, unit: str) -> None:
        """Raise what prevented a unit."""
        from distributed import CancelledError, KilledWorker

        try:
            refused = future.result()
        except KilledWorker as error:
            raise UserError(
                f"{unit}: the workers that did it died, the last was {error.last_worker.address}; its log "
                "says why. Mostly memory is short: lower --max-memory, which is that of one worker, or take "
                "fewer of them, and go on with --resume"
            ) from error
        except CancelledError as error:
            raise UserError(
                f"the scheduler {self._address} is gone; start it again and go on with --resume"
            ) from error
        if refused is not None:
            raise refused

    @property
    def _address(self) -> str:
        return str(self.client.scheduler.address)


@contextmanager
def cluster(address: str, source: Source) -> Iterator[Cluster]:
    """Workers to predict with.

    Args:
        address: `HERE`, a number of processes on this machine, or 'tcp://HOST:PORT' of a scheduler.
        source: of the segmenter.

    Raises:
        UserError: when dask is not installed, nobody answers at the address within some seconds, or a worker
            has another version.
    """
    distributed = _library()
    if address == HERE or address.isdigit():
        with _here(distributed, int(address) if address.isdigit() else os.cpu_count() or 1) as local:
            with distributed.Client(local) as client:
                yield Cluster(client, source, is_local=True)
        return
    if not re.fullmatch(r"(tcp|tls)://(\[.+\]|[^:/]+):\d+", address):
        raise UserError(
            "--dask is a number of processes, or the address of a scheduler, tcp://HOST:PORT; got "
            f"'{address}'"
        )
    try:
        client = distributed.Client(address, timeout=ANSWER_WITHIN)
    except (OSError, ValueError) as error:
        raise UserError(
            f"no dask scheduler answers at {address} ({_first_line(error)}); start one with 'dask "
            "scheduler', or leave the address away for processes on this machine"
        ) from error
    with client:
        found = Cluster(client, source, is_local=False)
        found.check()
        yield found


def _here(distributed: Any, count: int) -> Any:
    """Processes on this machine; nobody else can reach them, and there is no dashboard."""
    if count < 1:
        raise UserError(f"--dask is a number of processes, 1 or more; got {count}")
    threads = str(max((os.cpu_count() or 1) // count, 1))
    return distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, host="127.0.0.1", memory_limit=None,
        dashboard_address=None, scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # its /health
        silence_logs=logging.ERROR, env={"OMP_NUM_THREADS": threads},
    )  # fmt: skip


def _library() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UserError("--dask needs the package distributed: pip install 'nucleizoo[dask]'") from error
    logging.getLogger("distributed").setLevel(logging.ERROR)  # it tells every coming and going
    return distributed


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
