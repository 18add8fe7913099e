"""Time and peak memory of a function."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from nucleizoo.ops import memory

Result = TypeVar("Result")


def metered(work: Callable[[], Result], device: torch.device) -> tuple[Result, float, int | None]:
    """Call a function, and measure its time and memory.

    Args:
        work: the function.
        device: where it computes.

    Returns:
        Its result, its wall-clock seconds, and its peak memory in bytes beyond that in use before: of
        torch's allocator on a GPU, of the process's resident memory on a CPU. None where the system does
        not say: resident memory is known only on Linux.
    """
    before = _started(device)
    begun = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - begun
    return result, seconds, None if before is None else max(_peak(device) - before, 0)


def _started(device: torch.device) -> int | None:
    """Memory in use now, where measuring the peak begins; None if it cannot be measured."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)  # glibc keeps freed memory, which would make this work seem to need less
    return memory.resident() if memory.forget_peak() else None


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else memory.peak() or 0
