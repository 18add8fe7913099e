"""Where, when and with which versions a training started."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import nucleizoo


def circumstances() -> dict[str, Any]:
    """Versions, commit, hardware and time, as plain values."""
    return {
        "nucleizoo": nucleizoo.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": _commit(),
        "machine": platform.machine(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def origin(told: Mapping[str, Any]) -> dict[str, str]:
    """Commit, hardware and day of what `circumstances` gave; nothing of what is not known."""
    if not told:
        return {}
    hardware = told["gpu"] or f"{told['machine']} with {told['processor']}, {told['threads']} threads"
    return {"commit": told["commit"] or "", "hardware": hardware, "date": told["started"][:10]}


def _commit() -> str | None:
    """The commit of the checkout that nucleizoo is installed from, if it is one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
