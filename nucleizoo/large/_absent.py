"""Chunks that were not there when a process began to work on a volume; they may be when the next one does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from nucleizoo.core.files import atomic


def absent(scratch: Path) -> list[str]:
    """Those that were noted, in words."""
    noted = _file(scratch)
    return list(json.loads(noted.read_text())) if noted.exists() else []


def note_absent(scratch: Path, words: Iterable[str]) -> None:
    """Add some, before anything is made without them.

    Raises:
        OSError: when the disk is full.
    """
    known = absent(scratch)
    if more := sorted({*words}.difference(known)):
        with atomic(_file(scratch)) as part:
            part.write_text(json.dumps(known + more))


def _file(scratch: Path) -> Path:
    return scratch / "absent.json"
