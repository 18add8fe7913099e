"""Short names of runs and configurations, for axes and tables."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from nucleizoo.core.errors import UserError


def distinct_names(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Paths by what tells them apart: their parts without those that all begin and end with.

    Raises:
        UserError: when one is given twice.

    Example:
        >>> list(distinct_names(["runs/n=5/seed_10", "runs/n=9/seed_10"])), list(distinct_names(["runs/a"]))
        (['n=5', 'n=9'], ['a'])
    """
    given = [Path(path) for path in paths]
    parts = [path.resolve().parts for path in given]
    if len({*parts}) < len(parts):
        raise UserError("a run or file is given twice; name each once")
    if len(parts) == 1:
        return {parts[0][-1]: given[0]}
    start, end = _common(parts), _common([one[::-1] for one in parts])
    return {
        "/".join(one[start : len(one) - end]) or "/".join(one[-2:]): path
        for one, path in zip(parts, given, strict=True)
    }


def _common(parts: list[tuple[str, ...]]) -> int:
    """How many parts all begin with."""
    return len(list(takewhile(lambda level: len({*level}) == 1, zip(*parts, strict=False))))
