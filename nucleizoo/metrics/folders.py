"""Compare two folders of label files, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.metrics import pixels, summary, tables, tracking
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.overlap import Overlap
from nucleizoo.preprocess import LabelFiles, check_same_shape

Labels = NDArray[np.int32]
Pictures = dict[str, tuple[Labels, ...]]
"""Name of a picture -> prediction, truth and, if given, markers (*S); all pictures of a pair of files."""
Draw = Callable[[str, Mapping[str, tuple[Labels, Labels, Errors]]], None]
"""Called with the name of a pair of files, and prediction, truth and errors of its pictures by name."""


def compare(
    predictions: str | Path,
    truths: str | Path,
    *,
    border: int = 0,
    planes: bool = False,
    markers: str | Path | None = None,
    dataset: str = "",
    components: bool = False,
    empty_chunks: bool = False,
    draw: Draw | None = None,
) -> dict[str, Any]:
    """Score every prediction against the truth of the same name: `a_label.tif` and `a.png` are both `a`.

    Suspicious labels, such as a mask, are scored, and a warning names their file.

    Args:
        predictions: folder of label files, or a file.
        truths: the same; two files are compared whatever their names.
        border: pixels within which the Cell Tracking Challenge ignores nuclei; see `tracking.inside`.
        planes: treat every plane of a stack as a picture of its own, `name[0]`, `name[1]` and so on, as 2D
            methods predict it; otherwise a stack is one volume.
        markers: folder of label files with a dot in each nucleus, for DET, named like the truths; None
            uses the nuclei themselves.
        dataset: of labels in HDF5 files and Zarr groups that have several; '' takes 'label'.
        components: treat a file with one label as a mask, whose connected parts are nuclei.
        empty_chunks: treat chunks of HDF5 and Zarr that were never written, and lacking planes, as empty.
        draw: called once per pair of files.

    Returns:
        All scores (`metrics.summary.of_images`), 'definitions' of them, 'images' (the same by name),
        'missing' (truths without a prediction), 'unknown' (predictions without a truth), 'failed'
        (name -> why a pair could not be compared) and 'incomplete' (name -> why it was scored, but not
        drawn or not ranked by confidence).

    Raises:
        UserError: when no pair is found or none can be compared, two files have one name, a truth has no
            markers, or the border is negative.
    """
    if border < 0:
        raise UserError(f"the border must be 0 or more pixels, got {border}; HeLa uses 25")
    found, true = io.label_files(predictions), io.label_files(truths, whole=True)
    if [*found.values(), *true.values()] == [Path(predictions), Path(truths)]:
        found = dict(zip(true, found.values(), strict=True))  # two files that are named are a pair
    files = io.match(found, true)
    if not files.both:
        raise UserError(
            f"no file in {predictions} has the same name as one in {truths}: "
            f"{io.first_few(files.first)} against {io.first_few(files.second)}; "
            "a prediction is called <name>_label.tif"
        )
    dots = _dots(markers, truths, files.both)
    labels = LabelFiles(
        usual=dataset or "label", components=components, mask_remedy="add --components: its parts are nuclei",
        stack_remedy="score them with --planes",
    )  # fmt: skip
    compared, failed, incomplete = dict[str, summary.Compared](), dict[str, UserError](), dict[str, str]()
    for name, (prediction, truth) in files.both.items():
        try:
            paths = [prediction, truth, *([dots[name]] if dots else [])]
            pictures = _pictures(name, paths, planes, labels, empty_chunks)
            scores = _scores(pictures, truth, border)
        except UserError as error:
            failed[name] = error
            continue
        problems = list[str]()
        try:
            scores = _with_confidence(scores, prediction)
        except UserError as error:
            problems.append(str(error))
        try:
            if draw:
                draw(
                    name,
                    {n: (pictures[n][0], pictures[n][1], Errors.of(one.table)) for n, one in scores.items()},
                )
        except UserError as error:
            problems.append(str(error))
        if problems:
            incomplete[name] = "; ".join(problems)
        compared |= scores
    if not compared:
        raise next(iter(failed.values()))
    return summary.with_images(compared) | {
        "definitions": summary.DEFINITIONS | ({"det": summary.DET_BY_MARKERS} if dots else {}),
        "missing": list(files.second),
        "unknown": list(files.first),
        "failed": {name: str(error) for name, error in failed.items()},
        "incomplete": incomplete,
    }


def _dots(folder: str | Path | None, truths: str | Path, wanted: Mapping[str, Any]) -> dict[str, Path]:
    """The files of markers by the names of the truths; none without a folder."""
    if folder is None:
        return {}
    dots = io.named(io.find(folder))
    if alone := [name for name in wanted if name not in dots]:
        raise UserError(
            f"{folder} has no markers for {io.first_few(alone)} of {truths}; add them, or omit --markers: "
            "DET from markers and DET from nuclei have no common mean"
        )
    return dots


def _pictures(
    name: str, paths: Sequence[Path], planes: bool, files: LabelFiles, empty_chunks: bool
) -> Pictures:
    """The labels, picture by picture, of the files of a prediction, its truth and, if given, markers."""
    stacks = [_squeezed(files.read(path, missing=empty_chunks).data) for path in paths]
    for path, stack in zip(paths, stacks, strict=True):
        check_same_shape(path, [stack.shape], paths[0], [stacks[0].shape])
    apart = planes and stacks[0].ndim > 2
    pictures = [list(one.reshape(-1, *one.shape[-2:])) if apart else [one] for one in stacks]
    for path, one in zip(paths[:2], pictures, strict=False):
        files.doubt(path, one, volumes=not apart)
    together = enumerate(zip(*pictures, strict=True))
    return {f"{name}[{index}]" if apart else name: files for index, files in together}


def _squeezed(labels: Labels) -> Labels:
    """Without axes of length 1 before y and x, which say nothing."""
    return labels.reshape(*(n for n in labels.shape[:-2] if n > 1), *labels.shape[-2:])


def _scores(pictures: Pictures, truth: Path, border: int) -> dict[str, summary.Compared]:
    try:
        return {name: compared_pair(*labels, border=border) for name, labels in pictures.items()}
    except UserError as error:
        raise UserError(f"{truth}: {error}") from error


def _with_confidence(scores: dict[str, summary.Compared], prediction: Path) -> dict[str, summary.Compared]:
    """The same with the confidences of the pictures of a file, where prediction wrote them."""
    found = (one.table for one in scores.values())
    pictures = [dict(zip(t.found_names.tolist(), t.found_sizes.tolist(), strict=True)) for t in found]
    sure = tables.confidence(prediction, pictures)
    if sure is None:
        return scores
    pairs = zip(scores.items(), sure, strict=True)
    return {name: replace(one, confidence=values) for (name, one), values in pairs}


def compared_pair(
    prediction: Labels, truth: Labels, markers: Labels | None = None, *, border: int = 0
) -> summary.Compared:
    """Counts of a prediction (*S), its truth and, if given, markers; `border` is that of `compare`.

    Raises:
        UserError: when the border leaves nothing of the image.
    """
    table = Overlap.of(prediction, truth)
    try:
        kept = tracking.inside(prediction, border)
        field = Overlap.of(kept, tracking.inside(truth, border)) if border else table
        dots = Overlap.of(kept, tracking.inside(markers, border)) if markers is not None else field
    except ValueError as error:
        raise UserError(f"{error}; give a smaller one, or 0") from error
    return summary.Compared(pixels.score(prediction, truth), table, field, dots)
