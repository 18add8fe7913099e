"""The workers of a scheduler: counted, checked for versions and memory, and waited for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from queue import Empty
from typing import Any, TypeVar

import numpy as np

from nucleizoo.blockwise.dask.scheduler import ANSWER_WITHIN
from nucleizoo.blockwise.dask.task import PACKAGES, check_versions, versions
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import duration

SILENT_FOR = 60.0
"""Seconds within which a busy scheduler must answer."""

COUNT_EVERY = 5.0
"""Seconds between two counts of the workers."""

REPEAT_EVERY = 120.0
"""Seconds after which the warning that there is no worker is repeated."""

PATIENCE = 600.0
"""Seconds without a worker after which the job fails."""

PAUSED_AT = 0.8
"""Share of its memory at which dask pauses a worker (worker.memory.pause)."""

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Workers:
    """The workers that are connected to a scheduler.

    Args:
        client: connected.
        is_local: whether they were started for this prediction, on this machine: then versions are the same.
    """

    def __init__(self, client: Any, *, is_local: bool) -> None:
        self.client, self.is_local = client, is_local
        self.address = str(client.scheduler.address)
        self._names, self._counted = set[str](), -np.inf
        self._none_since, self._warned = np.inf, -np.inf

    def __len__(self) -> int:
        """Number of workers, counted at most a few seconds ago; new ones are checked.

        Raises:
            UserError: when one has another version of `PACKAGES`, or the scheduler is lost.
        """
        if time.monotonic() - self._counted > COUNT_EVERY:
            now = self._running()
            self._check_versions(now - self._names)
            for worker in self._names - now:
                log.warning(
                    "the worker %s has left, or was paused for lack of memory; other workers take its tasks",
                    worker,
                )
            self._names, self._counted = now, time.monotonic()
            self._none_since = np.inf if now else min(self._none_since, self._counted)
        return len(self._names)

    def wait(self) -> None:
        """Wait a few seconds for the first worker.

        Raises:
            UserError: when there is none, or one has another version of `PACKAGES`.
        """
        try:
            with self.connected():
                self.client.wait_for_workers(1, timeout=ANSWER_WITHIN)
        except TimeoutError as error:
            raise UserError(f"the scheduler {self.address} has no worker; {self._advice}") from error
        len(self)

    def check_memory(self, limit: float) -> None:
        """Warn when dask's memory limit for a worker is too low for the job.

        Args:
            limit: bytes that the job lets a worker use.
        """
        if self.is_local:
            return
        with self.connected():
            allowed = self.client.run(_allowed, on_error="ignore")
        short = {worker: given for worker, given in allowed.items() if given and PAUSED_AT * given < limit}
        if short:
            worker, given = min(short.items(), key=lambda one: one[1])
            log.warning(
                "dask pauses the worker %s at %.3g GB of memory and kills it soon after, but --max-memory is "
                "%.3g: start workers with --memory-limit 0, or lower --max-memory",
                worker, PAUSED_AT * given / 1e9, limit / 1e9,
            )  # fmt: skip

    def wait_for(self, ask: Callable[..., Answer]) -> Answer:
        """Ask until there is an answer, as long as there are workers.

        Args:
            ask: takes a `timeout` in seconds, and raises `Empty` when there is no answer within it.

        Raises:
            UserError: when there was no worker for `PATIENCE`, or the scheduler is lost.
        """
        while True:
            try:
                return ask(timeout=COUNT_EVERY)
            except Empty:
                self._check_present()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Raise `lost` for errors inside that a lost scheduler caused; a slow scheduler is not lost.

        Raises:
            UserError: when it is lost.
        """
        try:
            yield
        except Exception as error:
            unreached = isinstance(error, OSError) and not isinstance(error, TimeoutError)
            if not unreached and self.client.status == "running":
                raise
            raise self.lost() from error
        if self.client.status != "running":
            raise self.lost()

    def lost(self) -> UserError:
        """The error to raise when the scheduler is lost."""
        return UserError(
            f"the connection to the dask scheduler {self.address} is lost; check that it runs and has "
            "workers, and rerun with --resume"
        )

    @property
    def _advice(self) -> str:
        if self.is_local:
            return "memory may be short: use fewer processes, or lower --max-memory"
        return f"start some with 'dask worker {self.address} --nthreads 1 --memory-limit 0'"

    def _running(self) -> set[str]:
        try:
            with self.connected():
                running = self.client.scheduler.ncores_running  # without paused ones, which take no tasks
                return set(self.client.sync(running, callback_timeout=SILENT_FOR))
        except TimeoutError as error:
            raise UserError(
                f"the dask scheduler {self.address} has not answered for {duration(SILENT_FOR)}; check what "
                "keeps it busy, and rerun with --resume"
            ) from error

    def _check_present(self) -> None:
        """Warn when there is no worker left, and fail after a while."""
        if len(self):
            self._warned = -np.inf
            return
        now = time.monotonic()
        left = PATIENCE - (now - self._none_since)
        if left < 0:
            raise UserError(
                f"{self.address} had no worker for {duration(PATIENCE)}; {self._advice}, and rerun with "
                "--resume"
            )
        if now - self._warned > REPEAT_EVERY:
            log.warning(
                "%s has no worker left; waiting up to %s for new ones; %s",
                self.address, duration(left), self._advice,
            )  # fmt: skip
            self._warned = now

    def _check_versions(self, workers: set[str]) -> None:
        """Refuse workers that may not give the same labels."""
        if self.is_local or not workers:
            return
        # with the standard library, so that a worker without nucleizoo can answer
        with self.connected():
            found_versions = [
                self.client.run(metadata.version, name, workers=list(workers), on_error="return")
                for name in PACKAGES
            ]
        for worker in workers:
            found = [one.get(worker) for one in found_versions]
            if any(isinstance(one, OSError) or one is None for one in found):
                continue  # it has left meanwhile
            named = ("(none)" if isinstance(one, Exception) else one for one in found)
            check_versions(worker, tuple(named), versions())


def _allowed(dask_worker: Any) -> int | None:
    """Bytes that dask allows this worker; None is no limit. Dask passes the worker by the argument's name."""
    limit: int | None = dask_worker.memory_manager.memory_limit
    return limit
