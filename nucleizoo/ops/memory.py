"""The memory of this process, and what it may have, as Linux tells it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_GROUPS = Path("/proc/self/cgroup")
_LIMITS = {"": ("/sys/fs/cgroup", "memory.max"), "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")}
"""Where control groups lie and the limit of each, by controller: of version 2, which names none, and 1."""


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


def allowed() -> int | None:
    """Bytes that this process and its like may have: a container's or a job's; None where nothing is set.

    A group may have a limit, and all groups around it. See cgroups(7); inside of a container the outer
    ones are not there, and its own is the topmost.
    """
    told = [file.read_text().strip() for file in _limits() if file.is_file()]
    return min((int(one) for one in told if one != "max"), default=None)


def _limits() -> Iterator[Path]:
    """The files of the groups that this process is in, whether they are there or not."""
    for line in _GROUPS.read_text().splitlines() if _GROUPS.exists() else ():
        _, controllers, group = line.split(":", 2)
        for root, name in (_LIMITS[one] for one in controllers.split(",") if one in _LIMITS):
            place = Path(root, group.lstrip("/"))
            yield from (above / name for above in (place, *place.parents) if above.is_relative_to(root))


def _told(key: str) -> int | None:
    found = re.search(rf"{key}:\s+(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
    return 1024 * int(found[1]) if found else None
