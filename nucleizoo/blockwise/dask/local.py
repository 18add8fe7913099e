"""Dask workers on this machine: how many, and which GPU and how many threads each gets."""

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


def environments(device: torch.device, count: int = 0) -> list[dict[str, str]]:
    """The environment variables of each process that predicts on this machine.

    Args:
        device: the run's; 'cuda' without a number is one GPU per process.
        count: number of processes; 0 is one per GPU, or per core where there is no GPU.
    """
    there, gpus = cores(), _gpus(device)
    each = there if device.type == "cpu" else len(gpus) or 1
    return deal(gpus, count or each, there)


def deal(gpus: Sequence[str], count: int, cores: int) -> list[dict[str, str]]:
    """Assign GPUs in turn, and divide cores evenly.

    Args:
        gpus: their names; if empty, processes see the GPUs that this one sees.
        count: number of processes.
        cores: for all processes together.

    Example:
        >>> deal(["0", "3"], 3, 6)[2]
        {'OMP_NUM_THREADS': '2', 'CUDA_VISIBLE_DEVICES': '0'}
    """
    threads = {"OMP_NUM_THREADS": str(max(cores // count, 1))}
    return [
        threads | ({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {})
        for number in range(count)
    ]


def gpu_names(count: int, visible: str | None) -> list[str]:
    """The names of the GPUs that a process sees.

    Args:
        count: how many it sees.
        visible: its CUDA_VISIBLE_DEVICES, numbers or names (GPU-..., MIG-...); None where it is not set.
    """
    if visible is None:
        return [str(number) for number in range(count)]
    return [name.strip() for name in visible.split(",")][:count]


def start_cluster(distributed: Any, each: list[dict[str, str]]) -> Any:
    """Start a cluster on this machine; other machines cannot reach it, and there is no dashboard.

    Args:
        distributed: the library.
        each: the environment variables of each process.
    """
    own = {"host": "127.0.0.1", "dashboard": False}
    # errors of tasks are returned; workers would also log that the scheduler is gone, at the end
    worker = own | {"nthreads": 1, "memory_limit": None, "silence_logs": logging.CRITICAL}
    scheduler = own | {"port": 0, "dashboard_address": "127.0.0.1:0"}  # of its /health page
    with _blocked(signal.SIGINT):
        return distributed.SpecCluster(
            workers={
                number: {"cls": distributed.Nanny, "options": worker | {"env": environment}}
                for number, environment in enumerate(each)
            },
            scheduler={"cls": distributed.Scheduler, "options": scheduler},
            silence_logs=logging.ERROR,
        )


def _gpus(device: torch.device) -> list[str]:
    """The GPUs to assign; none when the run names one, which all processes then share."""
    if device.type != "cuda" or device.index is not None:
        return []
    return gpu_names(torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES"))


@contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    """Block a signal in threads and processes started inside, and in theirs; this one gets it afterwards.

    Ctrl-C goes to all processes of a terminal, but only the first may handle it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # if it started with the first process, it would unblock the signal
    kept = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)
