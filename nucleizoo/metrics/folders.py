"""Two folders of label files compared, image by image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nucleizoo import volumes
from nucleizoo.core.errors import UserError
from nucleizoo.metrics import objects, pixels
from nucleizoo.metrics.counts import Counts
from nucleizoo.reading import as_labels


def compare(predictions: str | Path, truths: str | Path) -> dict[str, Any]:
    """Score every prediction against the truth of the same name: `a_label.tif` and `a.png` are both `a`.

    Returns:
        'pixels' (see `metrics.pixels.summary`), 'objects' (precision, recall, f1 and ap, which is
        TP / (TP + FP + FN), of nuclei found with an IoU above 0.5, pooled over all images), 'images'
        (the same by name), and 'missing' (truths without a prediction).

    Raises:
        UserError: when no pair is found, a pair's shapes differ, two files have one name, or one holds
            no labels.
    """
    found, wanted = _by_name(predictions), _by_name(truths)
    names = [name for name in wanted if name in found]
    if not names:
        raise UserError(
            f"no file of {predictions} has the name of one of {truths}: "
            f"{_some(found)} against {_some(wanted)}; a prediction is called <name>_label.tif"
        )
    compared = {name: _pair(found[name], wanted[name]) for name in names}
    return {
        "pixels": pixels.summary([score for score, _ in compared.values()]),
        "objects": _of_objects(objects.ObjectScore.pooled(score for _, score in compared.values())),
        "images": {
            name: {"pixels": _named(by_pixel), "objects": _of_objects(by_object)}
            for name, (by_pixel, by_object) in compared.items()
        },
        "missing": [name for name in wanted if name not in found],
    }


def _by_name(folder: str | Path) -> dict[str, Path]:
    """Label files by the name of their picture; two of one name are refused."""
    named: dict[str, Path] = {}
    for path in volumes.find(folder):
        name = path.stem.removesuffix("_label")
        if name in named:
            raise UserError(f"{named[name]} and {path} are both labels of '{name}'; leave one in the folder")
        named[name] = path
    return named


def _pair(prediction: Path, truth: Path) -> tuple[pixels.PixelScore, objects.ObjectScore]:
    a, b = (as_labels(volumes.read(path, usual="label"), str(path)) for path in (prediction, truth))
    if a.shape != b.shape:
        raise UserError(f"{prediction} has the shape {a.shape}, {truth} {b.shape}; they must be equal")
    return pixels.score(a, b), objects.score(a, b)


def _named(score: Counts) -> dict[str, float]:
    return {name: getattr(score, name) for name in ("precision", "recall", "f1")}


def _of_objects(score: objects.ObjectScore) -> dict[str, float]:
    return _named(score) | {"ap": score.ap}


def _some(files: dict[str, Path]) -> str:
    return ", ".join(list(files)[:3]) + (", ..." if len(files) > 3 else "")
