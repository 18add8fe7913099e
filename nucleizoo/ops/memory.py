"""The memory of this process, as Linux tells it."""

from __future__ import annotations

import os
import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def resident() -> int | None:
    """Bytes in memory now; None on other systems."""
    return _told("VmRSS")


def peak() -> int | None:
    """Bytes in memory at most; None on other systems. What getrusage gives counts the parent's too."""
    return _told("VmHWM")


def forget_peak() -> None:
    """Let `peak` count from here on; nothing where the system does not allow it."""
    if os.access(_CLEAR, os.W_OK):
        _CLEAR.write_text("5")  # see proc_pid_clear_refs(5)


def _told(key: str) -> int | None:
    found = re.search(rf"{key}:\s+(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
    return 1024 * int(found[1]) if found else None
