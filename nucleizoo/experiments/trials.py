"""Variants of one experiment, each trained with several seeds and scored on annotated pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo import build, io
from nucleizoo.build import Experiment
from nucleizoo.comparison import Pair, evaluate_run, find_pairs
from nucleizoo.core.errors import UserError
from nucleizoo.experiments.pipeline import following
from nucleizoo.metrics import files, summary
from nucleizoo.runs import Run
from nucleizoo.training import session
from nucleizoo.training.autoconfig import completed
from nucleizoo.training.batches import Batches

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One training: of a variant, by its name, with a seed.

    Attributes:
        variant, seed, config: of the training.
        before: what is trained before it, the earlier stages of a pipeline, whose runs `config` names.
    """

    variant: str
    seed: int
    config: CfgNode
    before: tuple[Trial, ...] = ()

    def run(self, out: Path) -> Path:
        """Its run folder."""
        return out / "runs" / self.variant / f"seed_{self.seed}"

    def scores(self, out: Path) -> Path:
        """The file of its scores."""
        return out / "scores" / self.variant / f"seed_{self.seed}.json"


@dataclass(frozen=True)
class Result:
    """A trial, and the scores of its images, from `metrics.summary.with_images`."""

    trial: Trial
    scores: Mapping[str, Any]

    def score(self, path: str) -> float:
        """One score by its path, such as 'pixels.dice'."""
        found: Any = reduce(lambda node, name: node[name], path.split("."), self.scores)
        return float(found)


def plan(variants: Mapping[str, CfgNode], seeds: int) -> list[Trial]:
    """The trials of variants, each with the seeds from its own SYSTEM.SEED on.

    Args:
        variants: name -> configuration.
        seeds: trainings per variant.

    Raises:
        UserError: for fewer than one seed.
    """
    if seeds < 1:
        raise UserError(f"SEEDS must be 1 or more, got {seeds}")
    return [
        Trial(name, config.SYSTEM.SEED + more, _seeded(config, config.SYSTEM.SEED + more))
        for name, config in variants.items()
        for more in range(seeds)
    ]


def staged(stages: Mapping[str, CfgNode], seed: int, place: Callable[[Trial], Path]) -> Trial:
    """The trial of a pipeline with one seed: of its last stage, the earlier ones before it.

    Args:
        stages: name -> configuration, in the order of training; from `load_pipeline`.
        seed: of all of them.
        place: gives the run folder of a trial.

    Raises:
        ConfigError: when a stage does not name the run of the one before it.
    """
    trials: tuple[Trial, ...] = ()
    for name, config in stages.items():
        if trials:
            config = following(config, trials[-1].variant, place(trials[-1]))
        trials += (Trial(name, seed, _seeded(config, seed), trials),)
    return trials[-1]


def train(trials: Sequence[Trial], place: Callable[[Trial], Path]) -> Iterator[Run]:
    """Train what is not trained yet; yields the run of every trial.

    All configurations are checked before the first training begins. A training that was interrupted
    resumes, one that is finished is taken as it is, as are the earlier stages of a pipeline.

    Args:
        trials: from `plan`.
        place: gives the run folder of a trial.

    Yields:
        The runs; one that is not finished was stopped, and is the last.

    Raises:
        UserError: for a configuration or a run that cannot be used, or finds no nuclei.
    """
    check(trials, place)
    for trial in trials:
        for stage in (*trial.before, trial):
            path, config = place(stage), stage.config
            run = session.finished(path, config) or session.train(config, path, resume=True)
            if not run.is_finished:
                break
        yield run
        if not run.is_finished:
            return


def check(trials: Sequence[Trial], place: Callable[[Trial], Path]) -> None:
    """Build what the trainings build that are not finished, so that no mistake shows after hours of others.

    What an earlier stage gives is opened when it is its turn, for it may not be trained yet.

    Raises:
        UserError: for a configuration or a run that cannot be used, or finds no nuclei.
    """
    data = {}
    for trial in trials:
        stages = (*trial.before, trial)
        coming = [one for one in stages if session.finished(place(one), one.config) is None]
        for stage in coming:
            experiment = Experiment.check(stage.config)
            if stage is trial:
                experiment.check_segments()
            if stage is stages[0]:
                data[str(stage.config.DATASET)] = experiment
    for experiment in data.values() if len(trials) > 1 else ():  # one alone finds out as soon itself
        config, images = completed(experiment.config)
        Batches.of(config, target=experiment.method.task.target, images=images)


def perform(trials: Sequence[Trial], data: Path, out: Path) -> Iterator[Result]:
    """Train what is not trained yet, and score it; yields after each trial.

    Args:
        trials: from `plan`.
        data: folder with `images` and `labels`, paired by name.
        out: folder for `runs` and `scores`.

    Raises:
        UserError: for data, configurations or runs that cannot be used, before anything is trained.
        KeyboardInterrupt: when a training was told to stop; it has been saved.
    """
    pairs = annotated(data)
    reader = build.reader(trials[0].config)
    for pair in pairs:
        if pair.truth is not None:  # refuses what does not fit before anything is trained
            reader.annotated(pair.picture, pair.truth)
    for trial, run in zip(trials, train(trials, lambda trial: trial.run(out)), strict=False):
        if not run.is_finished:
            raise KeyboardInterrupt
        yield Result(trial, _scored(run, pairs, trial.scores(out)))


def annotated(data: Path) -> list[Pair]:
    """Pictures with labels of the same name, from the folders `images` and `labels`.

    Raises:
        UserError: when there are no labels, or some that have no picture.
    """
    for name in ("images", "labels"):
        if not (data / name).is_dir():
            raise UserError(
                f"{data} has no folder '{name}'; annotated data is a folder with 'images' and 'labels', "
                "files of one name in both"
            )
    pairs, missing = find_pairs(data / "images", data / "labels")
    if missing:
        raise UserError(
            f"{data / 'images'} has no picture for the labels of {io.first_few(missing)}; "
            "labels are paired with pictures by name"
        )
    return pairs


def _seeded(config: CfgNode, seed: int) -> CfgNode:
    one = config.clone()
    one.defrost()
    one.SYSTEM.SEED = seed
    one.freeze()
    return one


def _scored(run: Run, pairs: Sequence[Pair], path: Path) -> dict[str, Any]:
    """Score a run on pairs, and write the scores as JSON."""
    applied = evaluate_run.apply(run, pairs)
    if applied.failed:
        raise UserError(next(iter(applied.failed.values())))
    result = summary.with_images(applied.compared)
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_results({path: files.json_text(result)})
    log.info("%s: Dice %.4f, object F1 %.4f", run.path, result["pixels"]["dice"], result["objects"]["f1"])
    return result
