"""The memory that this process uses, and its limit, as Linux reports them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_GROUPS = Path("/proc/self/cgroup")
_LIMITS = {"": ("/sys/fs/cgroup", "memory.max"), "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")}
"""Folder and limit file of control groups, by controller: of version 2, which names none, and of 1."""


def resident() -> int | None:
    """Resident memory now, in bytes; None on other systems."""
    return _told("VmRSS")


def peak() -> int | None:
    """Peak resident memory in bytes; None on other systems. That of getrusage includes the parent's."""
    return _told("VmHWM")


def forget_peak() -> bool:
    """Reset `peak` to the present memory; False where the system does not allow it, as in some containers."""
    try:
        _CLEAR.write_text("5")  # see proc_pid_clear_refs(5)
    except OSError:
        return False
    return True


def allowed() -> int | None:
    """Memory limit in bytes of this process's control groups, a container's or a job's; None without one.

    A group may have a limit, and so may all groups around it. See cgroups(7); inside a container the outer
    ones are not visible, and its own is the topmost.
    """
    told = [file.read_text().strip() for file in _limits() if file.is_file()]
    return min((int(one) for one in told if one != "max"), default=None)


def _limits() -> Iterator[Path]:
    """The limit files of the groups that this process is in, whether they exist or not."""
    for line in _GROUPS.read_text().splitlines() if _GROUPS.exists() else ():
        _, controllers, group = line.split(":", 2)
        for root, name in (_LIMITS[one] for one in controllers.split(",") if one in _LIMITS):
            place = Path(root, group.lstrip("/"))
            yield from (above / name for above in (place, *place.parents) if above.is_relative_to(root))


def _told(key: str) -> int | None:
    found = re.search(rf"{key}:\s+(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
    return 1024 * int(found[1]) if found else None
