"""How much memory there is, and how it is told."""

from __future__ import annotations

import math
import os
import sys

from nucleizoo.ops import memory

DEFAULT_SHARE = 0.5
"""Share of the machine's memory that is used when nothing else is said."""


def in_use() -> float:
    """Bytes that this process has in memory; 0 where it cannot be told."""
    return float(memory.resident() or 0)


def machine() -> float:
    """Bytes of memory of the machine, or of them what a container is given; a guess where it is not told."""
    if os.name != "posix":
        return 8e9
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return float(min(there, memory.allowed() or there))


def peak() -> float:
    """Bytes that this process had in memory at most; 0 where it cannot be told."""
    if (told := memory.peak()) is not None:
        return float(told)
    if os.name != "posix":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def in_option(amount: float) -> str:
    """Bytes as they must be given for --max-memory, with a little more for what differs from run to run."""
    return f"{math.ceil(amount * 1.02 / 1e8) / 10:.1f}"
