"""One training from its configuration to its end: what is built, in which order, and what can go on."""

from __future__ import annotations

import logging
import random
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.batches import Batches
from nucleizoo.contracts import Method
from nucleizoo.core.errors import ConfigError, RunError
from nucleizoo.core.files import locked
from nucleizoo.engine.estimates import completed
from nucleizoo.engine.hooks import Average, Hook, Save, Validate
from nucleizoo.engine.interrupt import stopped_by_signals
from nucleizoo.engine.report import Report
from nucleizoo.engine.trainer import Trainer
from nucleizoo.engine.truth import Truth
from nucleizoo.engine.unlabelled import Unlabelled
from nucleizoo.runs import Run
from nucleizoo.workers import stream

log = logging.getLogger(__name__)


def train(config: CfgNode, out: str | Path, *, resume: bool = False) -> Run:
    """Train what a configuration describes into the run folder `out`.

    Args:
        config: from `load_config`.
        out: the run folder.
        resume: continue the run in `out` from its last checkpoint, bit for bit; when there is no
            run yet, start it.

    Raises:
        UserError: for everything the user can mend; see `core.errors`.
    """
    path = Path(out)
    begun = resume and (path / "config.yaml").is_file()
    build.decoder(config)  # here, so that a mistake does not show after hours of training
    if begun:
        run = reopened(path, config)
        config = run.config
    else:
        Run.check_free(path)
        config = completed(config)
        run = Run(path, config)
    _seed(config.SYSTEM.SEED)
    batches, method = Batches.of(config), build.method(config)
    if config.MONITOR.TRUTH and not method.segments:
        raise ConfigError(
            f"METHOD '{config.METHOD.NAME}' only translates with a source of pictures, and finds no nuclei "
            "that MONITOR.TRUTH could be compared with; leave it empty"
        )
    trainer = Trainer(method, config, _hooks(config, run, batches, method))
    if not begun:
        Run.create(path, config)
    with locked(path / "run.json"):
        if begun:
            _continue(trainer, run)
            run.write_config()
        system = config.SYSTEM
        coming = stream(batches, trainer.iteration, trainer.total, system.WORKERS, system.PLUGINS)
        with stopped_by_signals(trainer), closing(coming):
            trainer.train(coming)
    if trainer.iteration < trainer.total:
        log.info("stopped at %d of %d; continue with --resume", trainer.iteration, trainer.total)
    return run


def reopened(path: Path, config: CfgNode) -> Run:
    """The run in a folder, to be continued or used as `config` says; sizes that it measured stay.

    Raises:
        RunError: when there is no run, or one of another configuration.
    """
    run = Run.open(path, config.SYSTEM.PLUGINS)
    config = completed(config, known=run.config)
    run.check_same(config)
    run.config = config  # what may differ, such as thresholds, holds from now on
    return run


def finished(path: Path, config: CfgNode) -> Run | None:
    """The run in a folder if it needs no more training; None when `train` has to begin or to go on.

    Raises:
        RunError: when there is something else, or a run of another configuration.
    """
    if not (path / "config.yaml").is_file():
        Run.check_free(path)
        return None
    run = reopened(path, config)
    return run if run.is_finished else None


def _continue(trainer: Trainer, run: Run) -> None:
    """Put a trainer where the run left off: at its newest checkpoint, if there is one yet.

    Raises:
        RunError: when the checkpoint is one of other networks.
    """
    run.tidy()
    state = run.latest()
    try:
        if state is not None:
            trainer.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{run.path}/checkpoints: the newest does not fit the networks of {run.path}/config.yaml; "
            "was it copied from another run, or written by another version? Train into another --out"
        ) from error


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _hooks(config: CfgNode, run: Run, batches: Batches, method: Method) -> list[Hook]:
    """In the order in which they run; what is averaged is averaged before anything looks at it."""
    monitor, decay = config.MONITOR, config.SOLVER.AVERAGE
    average = Average(decay) if decay else None
    report = Report(run, monitor.LOG, monitor.TENSORBOARD)
    hooks: list[Hook] = [average] if average else []
    hooks += [report, Validate(monitor.SNAPSHOT, report.panel, average)]
    if monitor.VALIDATE and batches.image and method.segments:
        look = Unlabelled(config, report, batches.image, batches.source)
        hooks.append(Validate(monitor.VALIDATE, look, average))
    if monitor.TRUTH:
        hooks.append(Validate(monitor.VALIDATE, Truth(config, report), average))
    return [*hooks, Save(run, monitor.SAVE, average)]
