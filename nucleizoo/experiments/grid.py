"""A grid: systems x seeds, trained in turn, and all of them scored on every set."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo import build, comparison, models
from nucleizoo.comparison import Comparison
from nucleizoo.comparison.label_rows import label_files
from nucleizoo.core.csv_text import csv_text
from nucleizoo.core.errors import ConfigError, ForeignFileError, UserError
from nucleizoo.core.files import write_texts
from nucleizoo.experiments import trials
from nucleizoo.experiments.grid_file import Annotated, GridFile
from nucleizoo.experiments.pipeline import load_config, load_pipeline
from nucleizoo.experiments.progress import Progress
from nucleizoo.experiments.trials import Trial
from nucleizoo.metrics.files import prepare
from nucleizoo.runs import Run
from nucleizoo.training import session

log = logging.getLogger(__name__)


COLUMNS = ("model", "seed")
"""The first columns of a table with a row per training."""


@dataclass
class Grid:
    """What a file describes, with its configurations loaded.

    Attributes:
        file: what it says.
        systems: the stages of each, by the names of their configurations.
        plugins: plugin files that the configurations need.
        failed: why a training failed, by its name; the others go on without it.
    """

    file: GridFile
    systems: Sequence[dict[str, CfgNode]]
    plugins: Sequence[str] = ()
    failed: dict[str, str] = field(default_factory=dict)

    def place(self, trial: Trial) -> Path:
        """The run folder of a trial."""
        return self.file.out / f"{trial.variant}_seed{trial.seed}"

    def trials(self, seed: int) -> list[Trial]:
        """The trials with one seed, in the order of the file; what learns nothing has the first alone."""
        first = self.file.seeds[0]
        staged = [trials.staged(stages, seed, self.place) for stages in self.systems]
        return [one for one in staged if one.config.SOLVER.TOTAL or seed == first]

    def perform(self) -> Iterator[Comparison]:
        """Train what is not trained yet, seed by seed; after each, report on all sets so far.

        A report that somebody has changed meanwhile is kept, and ends the grid after the last training.

        Raises:
            UserError: for data, configurations or runs that cannot be used, before anything is trained.
            KeyboardInterrupt: when a training was told to stop; it has been saved.
        """
        self._check()
        for seed in self.file.seeds:
            waiting = [trial for trial in self.trials(seed) if self._finished(trial) is None]
            for trial in waiting:
                self._train(trial)
            try:
                if waiting or seed == self.file.seeds[-1]:
                    yield from self.report()
            except ForeignFileError as error:
                if seed == self.file.seeds[-1]:
                    raise
                log.error("there is no report yet, and the trainings go on: %s", error)

    def report(self) -> Iterator[Comparison]:
        """Score what is finished on every set: a report each, and a CSV with a row per training.

        Rows that a CSV has of trainings of this grid which are not in OUT stay, so that machines can share
        the work.

        Raises:
            UserError: when nothing is finished, or data or runs cannot be used.
        """
        ready = [run for run in map(self._finished, self._every()) if run]
        ready += [Run.open(models.named(name)) for name in self.file.models]
        if not ready:
            raise UserError(f"{self.file.out} has no finished run of {self.file.path} yet")
        for one in self.file.sets:
            scoring, pairs = one.scored()
            made = comparison.compare(
                ready,
                pairs,
                self._report(one),
                labels=one.rows,
                dataset=one.dataset or scoring.dataset,
                scoring=scoring,
            )
            rows = csv_text([*made.rows, *self._others(one, made.rows)])
            self._table(one).parent.mkdir(parents=True, exist_ok=True)
            write_texts({self._table(one): rows})  # no checksum: others add rows, through git
            yield made

    def _others(self, one: Annotated, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Rows in the table of a set of trainings of this grid that are not in OUT: of another machine."""
        every = {(trial.variant, str(trial.seed)) for trial in self._every()}
        wanted = every - {(row["model"], str(row["seed"])) for row in rows}
        if not self._table(one).exists():
            return []
        with self._table(one).open(encoding="utf-8", newline="") as file:
            return [row for row in csv.DictReader(file) if (row["model"], row["seed"]) in wanted]

    def progress(self) -> list[Progress]:
        """How far every training is, in the order in which they come."""
        stages = [stage for trial in self._every() for stage in (*trial.before, trial)]
        places = {self.place(stage): stage for stage in stages}
        return [Progress.of(stage, place, self.plugins) for place, stage in places.items()]

    def _every(self) -> list[Trial]:
        return [trial for seed in self.file.seeds for trial in self.trials(seed)]

    def _finished(self, trial: Trial) -> Run | None:
        return session.finished(self.place(trial), trial.config)

    def _train(self, trial: Trial) -> None:
        """Train a trial; an error of its own does not end the others."""
        stages = {self.place(one).name: one for one in (*trial.before, trial)}
        if any(name in self.failed for name in stages):
            return
        try:
            for run in trials.train([trial], self.place):
                if not run.is_finished:
                    raise KeyboardInterrupt
        except UserError as error:
            name = next(name for name, stage in stages.items() if self._finished(stage) is None)
            self.failed[name] = str(error)
            log.error("%s failed, and the others go on: %s", name, error)

    def _check(self) -> None:
        for one in self.file.sets:
            prepare(self._table(one), "csv", COLUMNS)
            _, pairs = one.scored()
            for pair in pairs if self.systems else ():
                if pair.truth is not None:  # refuses what does not fit before anything is trained
                    reader = build.reader([*self.systems[0].values()][-1])
                    reader.annotated(pair.picture, pair.truth)
            for row, folder in one.rows.items():
                label_files(row, folder, pairs)
        for name in self.file.models:
            models.named(name)
        trials.check(self._every(), self.place)

    def _report(self, one: Annotated) -> Path:
        return self.file.out / f"report_{one.name}"

    def _table(self, one: Annotated) -> Path:
        return self.file.results / f"{one.name}.csv"


def open_grid(
    path: str | Path,
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
    out: str | Path | None = None,
) -> Grid:
    """Read a grid and load its configurations.

    Args:
        path: of the file.
        overrides: KEY VALUE pairs of all trainings, over those of the file.
        plugins: plugin files that the configurations need.
        out: folder for everything, also for what goes to RESULTS otherwise; None for those of the file.

    Raises:
        ConfigError: for a file or configuration that cannot be used.
    """
    file = GridFile.read(path)
    if out is not None:
        file = replace(file, out=Path(out), results=Path(out))
    pairs = [*file.overrides, *overrides]
    systems = [load_pipeline(files, _meant(pairs, files[-1], plugins), plugins) for files in file.systems]
    names = [[*stages][-1] for stages in systems] + [*file.models]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"{path}: CONFIGS has {twice[0]} twice; name each once")
    return Grid(file, systems, plugins)


def _meant(pairs: Sequence[str], path: Path, plugins: Sequence[str]) -> list[str]:
    """The pairs for a configuration; what learns nothing, or all at once, has no use for those of SOLVER."""
    learns = load_config(path, (), plugins).SOLVER.TOTAL > 1
    return [
        word
        for key, value in zip(pairs[::2], pairs[1::2], strict=True)
        if learns or not key.startswith("SOLVER.")
        for word in (key, value)
    ]
