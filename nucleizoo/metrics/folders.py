"""Two folders of label files compared, image by image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import volumes
from nucleizoo.core.errors import UserError
from nucleizoo.metrics import pixels, summary, tables, tracking
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.overlap import Overlap
from nucleizoo.reading import as_labels

Labels = NDArray[np.int32]
Draw = Callable[[str, Labels, Labels, Errors], None]


def compare(
    predictions: str | Path,
    truths: str | Path,
    *,
    border: int = 0,
    planes: bool = False,
    draw: Draw | None = None,
) -> dict[str, Any]:
    """Score every prediction against the truth of the same name: `a_label.tif` and `a.png` are both `a`.

    Args:
        predictions: folder of label files.
        truths: folder of label files.
        border: pixels within which the Cell Tracking Challenge ignores nuclei; see `tracking.inside`.
        planes: planes of a stack without depth are pictures of their own, numbered each from 1; otherwise a
            stack is one volume.
        draw: is called with the name, labels and errors of every pair.

    Returns:
        All scores (`metrics.summary.of_images`), 'definitions' of them, 'images' (the same by name),
        'missing' (truths without a prediction), 'unknown' (predictions without a truth) and 'failed'
        (name -> why a pair could not be compared).

    Raises:
        UserError: when no pair is found or none can be compared, or two files have one name.
    """
    found, wanted = by_name(predictions), by_name(truths)
    names = [name for name in wanted if name in found]
    if not names:
        raise UserError(
            f"no file of {predictions} has the name of one of {truths}: "
            f"{_some(found)} against {_some(wanted)}; a prediction is called <name>_label.tif"
        )
    compared, failed = dict[str, summary.Compared](), dict[str, UserError]()
    for name in names:
        try:
            (prediction, truth), offsets = _pair(found[name], wanted[name], planes)
            scores = compared_pair(prediction, truth, border)
            sure = tables.confidence(found[name], scores.table.found_names, offsets)
            scores = replace(scores, confidence=sure)
        except UserError as error:
            failed[name] = error
            continue
        compared[name] = scores
        if draw:
            draw(name, prediction, truth, Errors.of(scores.table))
    if not compared:
        raise failed[names[0]]
    return summary.of_images(list(compared.values())) | {
        "definitions": summary.DEFINITIONS,
        "images": {name: summary.of_images([one]) for name, one in compared.items()},
        "missing": [name for name in wanted if name not in found],
        "unknown": [name for name in found if name not in wanted],
        "failed": {name: str(error) for name, error in failed.items()},
    }


def by_name(folder: str | Path) -> dict[str, Path]:
    """Label files by the name of their picture.

    Beside files called <name>_label, other files (pictures, overlays) are not looked at.

    Raises:
        UserError: when there is no file, or two have one name.
    """
    named: dict[str, Path] = {}
    files = volumes.find(folder)
    for path in [path for path in files if path.stem.endswith("_label")] or files:
        name = path.stem.removesuffix("_label")
        if name in named:
            raise UserError(f"{named[name]} and {path} are both labels of '{name}'; leave one in the folder")
        named[name] = path
    return named


def _pair(prediction: Path, truth: Path, planes: bool) -> tuple[tuple[Labels, Labels], list[int]]:
    """Both files' labels, and what was added to those of every plane of the prediction."""
    files = [volumes.read(path, usual="label") for path in (prediction, truth)]
    a, b = (as_labels(file, str(path)) for file, path in zip(files, (prediction, truth), strict=True))
    if a.shape != b.shape:
        raise UserError(f"{prediction} has the shape {a.shape}, {truth} {b.shape}; they must be equal")
    if planes and a.ndim > 2 and all("Z" not in file.axes for file in files):
        (a, offsets), (b, _) = _told_apart(a), _told_apart(b)
        return (a, b), offsets
    return (a, b), [0]


def _told_apart(stack: Labels) -> tuple[Labels, list[int]]:
    """Planes (T, Y, X) numbered on from one to the next, and what was added to each."""
    tops = [int(plane.max()) for plane in stack]
    offsets = [sum(tops[:index]) for index in range(len(tops))]
    if sum(tops) > np.iinfo(np.int32).max:
        raise UserError("the labels of the stack are too large to be told apart; number them from 1")
    added = np.array(offsets, np.int32).reshape(-1, *(1,) * (stack.ndim - 1))
    return np.where(stack > 0, stack + added, 0).astype(np.int32), offsets


def compared_pair(prediction: Labels, truth: Labels, border: int) -> summary.Compared:
    """What is counted of a prediction (*S) and its truth; `border` is that of `compare`.

    Raises:
        UserError: when the border leaves nothing of the image.
    """
    table = Overlap.of(prediction, truth)
    if not border:
        return summary.Compared(pixels.score(prediction, truth), table, table)
    try:
        kept = (tracking.inside(prediction, border), tracking.inside(truth, border))
    except ValueError as error:
        raise UserError(str(error)) from error
    return summary.Compared(pixels.score(prediction, truth), table, Overlap.of(*kept))


def _some(files: dict[str, Path]) -> str:
    return ", ".join(list(files)[:3]) + (", ..." if len(files) > 3 else "")
