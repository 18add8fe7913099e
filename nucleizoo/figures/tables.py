"""Trials as tables: a row per training, or a row per variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nucleizoo.comparison.significance import Spread
from nucleizoo.experiments.trials import Result
from nucleizoo.metrics.files import write_rows

RUNS = ("variant", "seed")
"""The first columns of a table with a row per training."""


def write_runs(path: Path, results: Sequence[Result], scores: Mapping[str, str]) -> None:
    """Write a CSV with a row per training.

    Args:
        path: of the CSV.
        results: of `trials.perform`.
        scores: column -> path of a score in `metrics.summary`, such as 'pixels.dice'.
    """
    rows = [
        {"variant": one.trial.variant, "seed": one.trial.seed}
        | {name: round(one.score(score), 4) for name, score in scores.items()}
        for one in results
    ]
    write_rows(path, rows)


def averaged(results: Sequence[Result], scores: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """For every variant: 'runs', and for every score its mean and, as '<score> sd', its spread over seeds.

    The spread of a single run is ''.
    """
    rows: dict[str, dict[str, Any]] = {}
    for variant in dict.fromkeys(one.trial.variant for one in results):
        ours = [one for one in results if one.trial.variant == variant]
        rows[variant] = {"runs": len(ours)}
        for name, score in scores.items():
            over = Spread.of([one.score(score) for one in ours])
            rows[variant] |= {
                name: round(over.mean, 4), f"{name} sd": "" if over.sd is None else round(over.sd, 4),
            }  # fmt: skip
    return rows
