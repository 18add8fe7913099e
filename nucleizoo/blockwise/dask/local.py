"""Processes on this machine, and what each is to have of it: a GPU, threads."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import torch

from nucleizoo.ops.nn.device import cores

CPU = torch.device("cpu")


def places(device: torch.device, count: int = 0) -> list[dict[str, str]]:
    """The environment of every process that predicts on a device of this machine.

    Args:
        device: that the run asks for; 'cuda' without a number is a GPU for every process.
        count: of the processes; 0 is one a GPU, or one a core where there is no GPU.
    """
    there, gpus = cores(), _gpus(device)
    each = there if device.type == "cpu" else len(gpus) or 1
    return dealt(gpus, count or each, there)


def dealt(gpus: Sequence[str], count: int, cores: int) -> list[dict[str, str]]:
    """Deal GPUs out in turn, and the cores evenly.

    Args:
        gpus: their names; if empty, processes are left to see what this one sees.
        count: of the processes.
        cores: that all of them may use.

    Example:
        >>> dealt(["0", "3"], 3, 6)[2]
        {'OMP_NUM_THREADS': '2', 'CUDA_VISIBLE_DEVICES': '0'}
    """
    threads = {"OMP_NUM_THREADS": str(max(cores // count, 1))}
    return [
        threads | ({"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {})
        for place in range(count)
    ]


def named(count: int, visible: str | None) -> list[str]:
    """What the GPUs are called that a process sees.

    Args:
        count: how many it sees.
        visible: its CUDA_VISIBLE_DEVICES, numbers or names (GPU-..., MIG-...); None where it is not set.
    """
    if visible is None:
        return [str(number) for number in range(count)]
    return [name.strip() for name in visible.split(",")][:count]


def started(distributed: Any, each: list[dict[str, str]]) -> Any:
    """A cluster of processes on this machine; nobody else can reach it, and there is no dashboard.

    Args:
        distributed: the library.
        each: the environment of every process.
    """
    own = {"host": "127.0.0.1", "dashboard": False}
    # what fails in a unit comes back as its error; else workers tell that the scheduler is gone, at the end
    worker = own | {"nthreads": 1, "memory_limit": None, "silence_logs": logging.CRITICAL}
    scheduler = own | {"port": 0, "dashboard_address": "127.0.0.1:0"}  # of its /health
    with _unheard(signal.SIGINT):
        return distributed.SpecCluster(
            workers={
                place: {"cls": distributed.Nanny, "options": worker | {"env": environment}}
                for place, environment in enumerate(each)
            },
            scheduler={"cls": distributed.Scheduler, "options": scheduler},
            silence_logs=logging.ERROR,
        )


def _gpus(device: torch.device) -> list[str]:
    """Those to choose from; none when the run names one, which then all processes share."""
    if device.type != "cuda" or device.index is not None:
        return []
    return named(torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES"))


@contextmanager
def _unheard(number: signal.Signals) -> Iterator[None]:
    """Threads and processes started inside, and theirs, never hear a signal; this one does, afterwards.

    Ctrl-C goes to all processes of a terminal, and is for the first to deal with.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # would let it through, if it began with the first process
    kept = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)
