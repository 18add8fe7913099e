"""What a tool or a notebook calls: load_config, train, predict, evaluate."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from yacs.config import CfgNode

from nucleizoo import build, volumes
from nucleizoo.batches import Batches, stream
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic
from nucleizoo.defaults import DEFAULTS
from nucleizoo.engine.hooks import Average, Hook, Save, Validate
from nucleizoo.engine.inference import Segmenter
from nucleizoo.engine.interrupt import stopped_by_signals
from nucleizoo.engine.report import Report
from nucleizoo.engine.trainer import Trainer
from nucleizoo.engine.truth import Truth
from nucleizoo.metrics import pixels
from nucleizoo.ops.overlay import outline
from nucleizoo.runs import Run

log = logging.getLogger(__name__)


def load_config(path: str | Path, overrides: Sequence[str] = (), plugins: Sequence[str] = ()) -> CfgNode:
    """A checked configuration: the file over the defaults, the `KEY VALUE` pairs over both.

    Raises:
        ConfigError: listing everything that is wrong.
    """
    return configuration.load(path, overrides, defaults=DEFAULTS, plugins=plugins)


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
    run = None
    if resume and (path / "config.yaml").is_file():
        run = Run.open(path, plugins=config.SYSTEM.PLUGINS)
        run.check_same(config)
    _seed(config.SYSTEM.SEED)
    build.decoder(config)  # here, so that a mistake does not show after hours of training
    batches, method = Batches.of(config), build.method(config)
    state = run.latest() if run else None
    run = run or Run.create(path, config)
    trainer = Trainer(method, config, _hooks(config, run))
    if state is not None:
        trainer.load_state_dict(state)
    with stopped_by_signals(trainer):
        trainer.train(stream(batches, trainer.iteration, trainer.total, config.SYSTEM.WORKERS))
    if trainer.iteration < trainer.total:
        log.info("stopped at %d of %d; continue with --resume", trainer.iteration, trainer.total)
    return run


@dataclass(frozen=True)
class Prediction:
    """What was written for one file: the picture's own name, the file made, nuclei in it."""

    source: Path
    result: Path
    count: int


def predict(
    run: str | Path,
    inputs: Iterable[str | Path],
    output: str | Path,
    *,
    to: str = "labels",
    overlay: bool = False,
    plugins: Sequence[str] = (),
) -> Iterator[Prediction]:
    """Apply a trained run to files; yields after each file, so that a caller can show progress.

    Args:
        run: the run folder.
        inputs: files, folders or patterns.
        output: folder to write to, made if missing.
        to: what to write: 'labels' (`<stem>_label.tif`, uint16 or uint32, the picture's own shape),
            'maps' (`<stem>_maps.tif`, float32), 'source' (the picture as it looks in the source
            domain), or 'image' (the inputs are label files; pictures that look like the images
            trained on).
        overlay: also write `<stem>_overlay.png` with every nucleus outlined, for 'labels'.
        plugins: plugin files that the run needs.

    Raises:
        UserError: for a run, input or output that cannot be used.
    """
    segmenter = Segmenter.open(Run.open(Path(run), plugins))
    write = {"labels": _write_labels, "maps": _write_maps, "source": _write_source, "image": _write_image}[to]
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    for path in _distinct([file for one in inputs for file in volumes.find(one)]):
        yield write(segmenter, path, folder, overlay)


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
        'summary' (see `metrics.pixels.summary`), 'images' (name -> scores), and 'missing' (truths
        without a prediction).

    Raises:
        UserError: when no pair is found or a pair's shapes differ.
    """
    found, wanted = _by_name(predictions), _by_name(truths)
    names = [name for name in wanted if name in found]
    if not names:
        raise UserError(
            f"no file of {predictions} has the name of one of {truths}: "
            f"{_some(found)} against {_some(wanted)}; a prediction is called <name>_label.tif"
        )
    scores = {name: _compare(found[name], wanted[name]) for name in names}
    result = {
        "summary": pixels.summary(list(scores.values())),
        "images": {n: {k: getattr(s, k) for k in ("precision", "recall", "dice")} for n, s in scores.items()},
        "missing": [name for name in wanted if name not in found],
    }
    if json_file is not None:
        with atomic(json_file) as part:
            part.write_text(json.dumps(result, indent=2) + "\n")
    return result


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


def _write_labels(segmenter: Segmenter, path: Path, folder: Path, overlay: bool) -> Prediction:
    scans = segmenter.read(path)
    found = [segmenter.labels(scan) for scan in scans]
    result = folder / f"{path.stem}_label.tif"
    volumes.write_labels(result, _stacked(found), scans[0].file_spacing)
    if overlay:
        for index, (picture, labels) in enumerate(zip(segmenter.reader.looks(path), found, strict=True)):
            plane = f"_{index:04d}" if len(scans) > 1 else ""
            volumes.write_png(folder / f"{path.stem}{plane}_overlay.png", outline(picture, labels))
    return Prediction(path, result, sum(len(np.unique(labels[labels > 0])) for labels in found))


def _write_maps(segmenter: Segmenter, path: Path, folder: Path, overlay: bool) -> Prediction:
    scans = segmenter.read(path)
    maps = _stacked([segmenter.maps(scan.image) for scan in scans])
    return _written(path, folder / f"{path.stem}_maps.tif", maps, scans[0].spacing)


def _write_source(segmenter: Segmenter, path: Path, folder: Path, overlay: bool) -> Prediction:
    scans = segmenter.read(path)
    pictures = _stacked([segmenter.to_source(scan.image)[0] for scan in scans])
    return _written(path, folder / f"{path.stem}_source.tif", pictures, scans[0].spacing)


def _write_image(segmenter: Segmenter, path: Path, folder: Path, overlay: bool) -> Prediction:
    labels = segmenter.reader.read_labels(path)
    pictures = _stacked([segmenter.to_image(segmenter.picture_of(one))[0] for one in labels])
    return _written(path, folder / f"{path.stem}_image.tif", pictures, ())


def _written(
    path: Path, result: Path, pictures: NDArray[np.float32], spacing: tuple[float, ...]
) -> Prediction:
    volumes.write_image(result, pictures, spacing)
    return Prediction(path, result, 0)


def _stacked(planes: list[NDArray[Any]]) -> NDArray[Any]:
    return planes[0] if len(planes) == 1 else np.stack(planes)


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


def _by_name(folder: str | Path) -> dict[str, Path]:
    return {path.stem.removesuffix("_label"): path for path in volumes.find(folder)}


def _compare(prediction: Path, truth: Path) -> pixels.PixelScore:
    a, b = volumes.read(prediction).data, volumes.read(truth).data
    if a.shape != b.shape:
        raise UserError(f"{prediction} has the shape {a.shape}, {truth} {b.shape}; they must be equal")
    return pixels.score(a, b)


def _some(files: dict[str, Path]) -> str:
    return ", ".join(list(files)[:3]) + (", ..." if len(files) > 3 else "")
