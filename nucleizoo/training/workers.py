"""The processes that prepare batches ahead of training."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nucleizoo.core.errors import UserError
from nucleizoo.core.format import first_line, storage
from nucleizoo.core.plugins import load_plugins
from nucleizoo.ops.nn.device import cores
from nucleizoo.training.batches import Batches

WORKER_LOST = "DataLoader worker (pid"
"""Start of PyTorch's message when a process that prepares batches was killed or has crashed."""


def stream(
    batches: Batches, start: int, total: int, workers: int, plugins: Sequence[str] = (), local_count: int = 1
) -> Generator[dict[str, Tensor], None, None]:
    """The batches of iterations start..total-1, prepared ahead by `workers` processes.

    Close it if it is not drawn to its end, so that the processes end.

    Args:
        batches: any batch by its iteration.
        start: first iteration.
        total: one past the last.
        workers: number of processes; -1 is one, or two where there are four cores or more; 0 is none.
        plugins: SYSTEM.PLUGINS, whose classes the batches may hold: processes that are not forked, as
            on macOS and Windows, must load them first.
        local_count: ranks that share the cores, including this one.

    Raises:
        UserError: when a batch cannot be made, in whichever process.
    """
    if workers < 0:
        workers = 2 if cores() >= 4 * local_count else 1
    loader: DataLoader[dict[str, Tensor] | UserError] = DataLoader(
        _Told(batches, plugins),
        batch_size=None,
        sampler=range(start, total),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_quiet,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # torch's global one must stay as a resumed training finds it
    )
    drawn = iter(loader)
    try:
        for batch in drawn:
            if isinstance(batch, UserError):
                raise batch
            yield batch
    finally:
        del drawn  # its processes end with it


@contextmanager
def workers_watched() -> Iterator[None]:
    """Inside the block, a lost process that prepares batches becomes an error that says what to do.

    PyTorch raises its own error anywhere in the main process, even in the middle of a step.

    Raises:
        UserError: when one was killed or has crashed.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith(WORKER_LOST):
            raise
        reason = str(error).splitlines()[0].strip(" .")
        raise UserError(
            f"a process that prepares batches was lost ({reason}), most often because memory was full; lower "
            "SYSTEM.WORKERS, DATASET.SIZE, SOLVER.BATCH or the CACHE_GB of the datasets, or in a container "
            "allow more shared memory (docker run --shm-size)"
        ) from error


class _Told(Dataset[dict[str, Tensor] | UserError]):
    """Returns user errors as values, because those raised in a worker arrive with its traceback.

    A worker moves its batches to shared memory here: PyTorch does so in a thread, where a failure is lost and
    the main process waits for ever.
    """

    def __init__(self, batches: Batches, plugins: Sequence[str]) -> None:
        self.batches, self.plugins = batches, plugins

    def __getitem__(self, iteration: int) -> dict[str, Tensor] | UserError:
        try:
            batch = self.batches[iteration]
            return batch if torch.utils.data.get_worker_info() is None else _shared(batch)
        except UserError as error:
            # without tracebacks: some libraries pickle them, which would keep this process alive
            error.__cause__ = error.__context__ = None
            return error.with_traceback(None)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (pickle.dumps(self.batches), tuple(self.plugins))


def _shared(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """A batch in shared memory.

    Raises:
        UserError: when there is too little, or too many files are open.
    """
    try:
        return {name: value.share_memory_() for name, value in batch.items()}  # type: ignore[no-untyped-call]
    except RuntimeError as error:  # of whatever system call
        needed = sum(value.nbytes for value in batch.values())
        raise UserError(
            f"a batch of {storage(needed)} cannot be moved to shared memory ({first_line(error)}); allow "
            "more of it, in a container with docker run --shm-size 2g, or set SYSTEM.WORKERS 0, or lower "
            "SOLVER.BATCH or DATASET.SIZE"
        ) from error


def _arrived(batches: bytes, plugins: Sequence[str]) -> _Told:
    """Unpickle batches in a new process, after loading the plugins that they need."""
    load_plugins(plugins)
    return _Told(pickle.loads(batches), plugins)


def _quiet(worker: int) -> None:
    """Leave signals to the main process, which ends its workers itself, and all cores but one to training."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # a scheduler sends SIGTERM to all processes; the worker ignores that one, and obeys the main process's
    signal.signal(signal.SIGTERM, lambda number, frame: signal.signal(number, signal.SIG_DFL))
    torch.set_num_threads(1)
