"""How long a piece of work takes, and how much memory."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from nucleizoo.ops import memory

_RESET = Path("/proc/self/clear_refs")
_PEAK = "5"
"""What sets Linux' record of the largest resident memory back to the present one."""

Result = TypeVar("Result")


def metered(work: Callable[[], Result], device: torch.device) -> tuple[Result, float, int | None]:
    """Do a piece of work.

    Args:
        work: what to do.
        device: where it computes.

    Returns:
        What it gives, its seconds by the clock, and the bytes that it took at its peak beyond those
        taken before: on a GPU of torch's allocator there, on a CPU of the process's resident memory.
        None where the system does not tell: that of a process is known on Linux alone.
    """
    before = _started(device)
    begun = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - begun
    return result, seconds, None if before is None else max(_peak(device) - before, 0)


def _started(device: torch.device) -> int | None:
    """Memory in use now, from where on the peak is watched; None when it cannot be."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if not _RESET.exists():
        return None
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)  # glibc keeps what was freed; work before would make this one look smaller
    try:
        _RESET.write_text(_PEAK)
    except PermissionError:  # some containers forbid it
        return None
    return memory.resident()


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else memory.peak() or 0
