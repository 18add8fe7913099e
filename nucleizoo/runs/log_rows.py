"""The rows of log.jsonl, which may be damaged in places."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "log.jsonl"


def read(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run folder's log in their order; there may be none.

    Each has 'iteration' (int), 'seconds' (float) and groups of numbers by name. Lines that are no rows, such
    as one that was cut short by a crash, are left out.

    Raises:
        OSError: when the file cannot be read.
    """
    file = run / FILE
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    for line in text.split("\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_row(row):
            yield row


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or not {"iteration", "seconds"} <= row.keys():
        return False
    groups = [value for name, value in row.items() if name not in ("iteration", "seconds")]
    return (
        type(row["iteration"]) is int
        and _is_number(row["seconds"])
        and math.isfinite(row["seconds"])
        and all(isinstance(group, dict) and all(map(_is_number, group.values())) for group in groups)
    )


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**63)
