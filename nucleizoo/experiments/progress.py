"""How far the trainings of a grid are, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nucleizoo.comparison.training_log import History
from nucleizoo.core.format import duration, plural
from nucleizoo.experiments.trials import Trial
from nucleizoo.runs import Run


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        name, seed: of its configuration.
        done, total: steps.
        seconds: that the steps done took.
        is_finished: whether it needs no more training.
    """

    name: str
    seed: int
    done: int
    total: int
    seconds: float
    is_finished: bool

    @classmethod
    def of(cls, trial: Trial, path: Path, plugins: Sequence[str]) -> Progress:
        """The progress of a trial in its run folder, which may not be there yet.

        Raises:
            UserError: when the folder is there and cannot be read.
        """
        total = int(trial.config.SOLVER.TOTAL)
        if not (path / "config.yaml").is_file():
            return cls(trial.variant, trial.seed, 0, total, 0.0, False)
        run = Run.open(path, plugins)
        seconds = History.of(run).seconds
        return cls(trial.variant, trial.seed, run.iteration, total, seconds, run.is_finished)


def told(progress: Sequence[Progress]) -> str:
    """A line per training: what is done, and how long the rest takes, where one of the same name tells."""
    pace = {one.name: one.seconds / one.done for one in progress if one.done}
    waiting = [one for one in progress if one.total and not one.is_finished]
    left = {one: pace[one.name] * (one.total - one.done) for one in waiting if one.name in pace}
    lines = [f"{one.name}, seed {one.seed}: {_state(one, left.get(one))}" for one in progress]
    known = f"; {duration(sum(left.values()))} for {len(left)} of them" if left else ""
    return "\n".join([*lines, f"{len(waiting)} of {plural(len(progress), 'training')} to do{known}"])


def _state(one: Progress, left: float | None) -> str:
    if not one.total:
        return "nothing to train"
    if one.is_finished:
        return f"finished, took {duration(one.seconds)}"
    rest = "time not known yet" if left is None else f"{duration(left)} left"
    return f"{one.done:,} of {one.total:,} steps, {rest}"
