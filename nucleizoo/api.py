"""What a tool or a notebook calls: load_config, train, predict, evaluate."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from yacs.config import CfgNode

from nucleizoo import build, ranges, volumes
from nucleizoo.batches import Batches, stream
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import RunError, UserError
from nucleizoo.core.files import atomic, locked
from nucleizoo.defaults import DEFAULTS
from nucleizoo.engine import outputs
from nucleizoo.engine.hooks import Average, Hook, Save, Validate
from nucleizoo.engine.inference import Segmenter
from nucleizoo.engine.interrupt import stopped_by_signals
from nucleizoo.engine.report import Report
from nucleizoo.engine.trainer import Trainer
from nucleizoo.engine.truth import Truth
from nucleizoo.metrics import folders
from nucleizoo.runs import Run

log = logging.getLogger(__name__)


def load_config(path: str | Path, overrides: Sequence[str] = (), plugins: Sequence[str] = ()) -> CfgNode:
    """A checked configuration: the file over the defaults, the `KEY VALUE` pairs over both.

    Raises:
        ConfigError: listing everything that is wrong.
    """
    config = configuration.load(path, overrides, defaults=DEFAULTS, plugins=plugins)
    ranges.check(config, str(path))
    return config


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
    run = Run.open(path, config.SYSTEM.PLUGINS) if begun else Run(path, config)
    if begun:
        run.check_same(config)
        run.config = config  # what may differ holds from now on
    else:
        Run.check_free(path)
    _seed(config.SYSTEM.SEED)
    build.decoder(config)  # here, so that a mistake does not show after hours of training
    batches, method = Batches.of(config), build.method(config)
    trainer = Trainer(method, config, _hooks(config, run))
    if not begun:
        Run.create(path, config)
    with locked(path / "run.json"):
        if begun:
            _continue(trainer, run)
            run.write_config()
        coming = stream(batches, trainer.iteration, trainer.total, config.SYSTEM.WORKERS)
        with stopped_by_signals(trainer), closing(coming):
            trainer.train(coming)
    if trainer.iteration < trainer.total:
        log.info("stopped at %d of %d; continue with --resume", trainer.iteration, trainer.total)
    return run


def predict(
    run: str | Path,
    inputs: Iterable[str | Path],
    output: str | Path,
    *,
    to: str = "labels",
    overlay: bool = False,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Iterator[outputs.Prediction]:
    """Apply a trained run to files; yields after each file, so that a caller can show progress.

    Args:
        run: the run folder.
        inputs: files, folders or patterns.
        output: folder to write to, made if missing.
        to: what to write: 'labels' (`<stem>_label.tif`, uint16 or uint32, the picture's own shape),
            'maps' (`<stem>_maps.tif`, float32, channels in front where there are several), 'source'
            (the picture as it looks in the source domain), or 'image' (the inputs are label files;
            pictures that look like the images trained on).
        overlay: also write `<stem>_overlay.png` with every nucleus outlined, for 'labels'.
        plugins: plugin files that the run needs.
        overrides: KEY VALUE pairs for INFERENCE (thresholds, windows), DATASET.IMAGE (how files are
            read) and SYSTEM.

    Raises:
        UserError: for a run, input or output that cannot be used.
    """
    if to not in outputs.WRITERS:
        raise UserError(f"TO is one of {', '.join(outputs.WRITERS)}, got '{to}'")
    if overlay and to != "labels":
        raise UserError(f"an overlay shows labels; there are none when {to} is written")
    segmenter = Segmenter.open(Run.open(Path(run), plugins, overrides))
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    for path in _distinct([file for one in inputs for file in volumes.find(one)]):
        yield outputs.WRITERS[to](segmenter, path, folder)
        if overlay:
            outputs.write_overlays(segmenter, path, folder)


def evaluate(
    predictions: str | Path, truths: str | Path, json_file: str | Path | None = None
) -> dict[str, Any]:
    """Compare label files of two folders, paired by name.

    `a_label.tif` and `a.png` are both called `a`.

    Args:
        predictions: folder of label files.
        truths: folder of label files.
        json_file: where to write the result as well.

    Returns:
        See `metrics.folders.compare`.

    Raises:
        UserError: when no pair is found or a pair's shapes differ.
    """
    result = folders.compare(predictions, truths)
    if json_file is not None:
        with atomic(json_file) as part:
            part.write_text(json.dumps(result, indent=2) + "\n")
    return result


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


def _hooks(config: CfgNode, run: Run) -> list[Hook]:
    """In the order in which they run; what is averaged is averaged before anything looks at it."""
    monitor, decay = config.MONITOR, config.SOLVER.AVERAGE
    average = Average(decay) if decay else None
    report = Report(run, monitor.LOG, monitor.TENSORBOARD)
    hooks: list[Hook] = [average] if average else []
    hooks += [report, Validate(monitor.SNAPSHOT, report.panel, average)]
    if monitor.TRUTH:
        hooks.append(Validate(monitor.VALIDATE, Truth(config, report), average))
    return [*hooks, Save(run, monitor.SAVE, average)]


def _distinct(paths: list[Path]) -> list[Path]:
    """Refuse two inputs whose results would have one name."""
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            raise UserError(
                f"{seen[path.stem]} and {path} would both be written as {path.stem}_...; predict them apart"
            )
        seen[path.stem] = path
    return paths
