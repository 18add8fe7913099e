"""The log of a run: training time, and the curves of losses and scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from nucleizoo.runs import Run

Curves = dict[str, list[tuple[int, float]]]
"""By name: pairs of iteration and value, in order."""


@dataclass(frozen=True)
class History:
    """The course of one training.

    Attributes:
        steps: the last iteration that was logged.
        seconds: wall-clock time, including pictures and scores along the way, without pauses.
        losses: all that were minimised.
        scores: against MONITOR.TRUTH, where that was set.
        unlabelled: scores that need no labels.
    """

    steps: int
    seconds: float
    losses: Curves
    scores: Curves
    unlabelled: Curves = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> History:
        """Read the log of a run; a run without one has no history."""
        losses, scores, unlabelled = Curves(), Curves(), Curves()
        steps, past, now = 0, 0.0, 0.0
        for row in run.log():
            steps = max(steps, row["iteration"])
            if row["seconds"] < now:  # earlier versions restarted the clock on resuming
                past += now
            now = row["seconds"]
            for curves, group in ((losses, "loss"), (scores, "truth"), (unlabelled, "unlabelled")):
                for name, value in row.get(group, {}).items():
                    if math.isfinite(value):
                        curves.setdefault(name, []).append((row["iteration"], value))
        return cls(steps, past + now, losses, scores, unlabelled)
