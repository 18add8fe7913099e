"""Who is there to do units of work: counted now and then, asked for versions, and waited for."""

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
"""Seconds that a scheduler has to answer later, when it may be busy."""

COUNT_EVERY = 5.0
"""Seconds between two looks at how many workers there are."""

REPEAT_EVERY = 120.0
"""Seconds after which it is said again that there is no worker."""

PATIENCE = 600.0
"""Seconds without a worker after which nobody is waited for any more."""

PAUSED_AT = 0.8
"""Share of its memory at which dask gives a worker nothing more (worker.memory.pause)."""

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Workers:
    """Those who are connected with a scheduler.

    Args:
        client: connected.
        is_local: whether they were started for this, on this machine, and so need not be asked for versions.
    """

    def __init__(self, client: Any, *, is_local: bool) -> None:
        self.client, self.is_local = client, is_local
        self.address = str(client.scheduler.address)
        self._names, self._counted = set[str](), -np.inf
        self._none_since, self._told = np.inf, -np.inf

    def __len__(self) -> int:
        """How many there are, or were some seconds ago; those that are new are asked.

        Raises:
            UserError: when one has another version of what matters, or the scheduler is lost.
        """
        if time.monotonic() - self._counted > COUNT_EVERY:
            now = self._now()
            self._ask(now - self._names)
            for worker in self._names - now:
                log.warning(
                    "the worker %s is gone, or was paused for its memory; what it was at is done by another",
                    worker,
                )
            self._names, self._counted = now, time.monotonic()
            self._none_since = np.inf if now else min(self._none_since, self._counted)
        return len(self._names)

    def wait(self) -> None:
        """Have one at least, soon.

        Raises:
            UserError: when there is none, or one has another version of what matters.
        """
        try:
            with self.connected():
                self.client.wait_for_workers(1, timeout=ANSWER_WITHIN)
        except TimeoutError as error:
            raise UserError(f"the scheduler {self.address} has no worker; {self._mend}") from error
        len(self)

    def see_memory(self, limit: float) -> None:
        """Warn when dask allows one less than it will take.

        Args:
            limit: bytes that a worker may have in memory.
        """
        if self.is_local:
            return
        with self.connected():
            allowed = self.client.run(_allowed, on_error="ignore")
        short = {worker: given for worker, given in allowed.items() if given and PAUSED_AT * given < limit}
        if short:
            worker, given = min(short.items(), key=lambda one: one[1])
            log.warning(
                "dask pauses the worker %s at %.3g GB and ends it a little later, and --max-memory is %.3g: "
                "start workers with --memory-limit 0, or lower --max-memory",
                worker, PAUSED_AT * given / 1e9, limit / 1e9,
            )  # fmt: skip

    def patiently(self, ask: Callable[..., Answer]) -> Answer:
        """Ask until there is an answer, but not for ever when nobody is there to give one.

        Args:
            ask: is told a `timeout` in seconds, and raises `Empty` when there is no answer so soon.

        Raises:
            UserError: when there was no worker for `PATIENCE`, or the scheduler is lost.
        """
        while True:
            try:
                return ask(timeout=COUNT_EVERY)
            except Empty:
                self._bear()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Whatever fails inside because the scheduler is lost is told so; that it is slow is not that.

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
        """What to say when the scheduler is."""
        return UserError(
            f"the connection to the scheduler {self.address} is lost; see that it runs and has workers, and "
            "go on with --resume"
        )

    @property
    def _mend(self) -> str:
        if self.is_local:
            return "memory may be short: take fewer processes, or lower --max-memory"
        return f"start some with 'dask worker {self.address} --nthreads 1 --memory-limit 0'"

    def _now(self) -> set[str]:
        try:
            with self.connected():
                running = self.client.scheduler.ncores_running  # paused ones take nothing
                return set(self.client.sync(running, callback_timeout=SILENT_FOR))
        except TimeoutError as error:
            raise UserError(
                f"the scheduler {self.address} has not answered for {duration(SILENT_FOR)}; see what keeps "
                "it, and go on with --resume"
            ) from error

    def _bear(self) -> None:
        """Nothing came for a while: say so if nobody is there to give anything."""
        if len(self):
            self._told = -np.inf
            return
        now = time.monotonic()
        left = PATIENCE - (now - self._none_since)
        if left < 0:
            raise UserError(
                f"{self.address} had no worker for {duration(PATIENCE)}; {self._mend}, and go on with "
                "--resume"
            )
        if now - self._told > REPEAT_EVERY:
            log.warning(
                "%s has no worker left; new ones are waited for, for %s; %s",
                self.address, duration(left), self._mend,
            )  # fmt: skip
            self._told = now

    def _ask(self, workers: set[str]) -> None:
        """Refuse those that may not give the same labels."""
        if self.is_local or not workers:
            return
        # told by the standard library: a worker need not have nucleizoo to answer
        with self.connected():
            told = [
                self.client.run(metadata.version, name, workers=list(workers), on_error="return")
                for name in PACKAGES
            ]
        for worker in workers:
            found = [one.get(worker) for one in told]
            if any(isinstance(one, OSError) or one is None for one in found):
                continue  # it is gone already
            named = ("(none)" if isinstance(one, Exception) else one for one in found)
            check_versions(worker, tuple(named), versions())


def _allowed(dask_worker: Any) -> int | None:
    """Bytes that dask lets this worker have; None is all. The argument's name asks dask for the worker."""
    limit: int | None = dask_worker.memory_manager.memory_limit
    return limit
