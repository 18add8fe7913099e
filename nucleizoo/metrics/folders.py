"""Compare two folders of label files, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.metrics import pixels, summary, tables, tracking
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.overlap import Overlap
from nucleizoo.metrics.protocol import Resolution
from nucleizoo.preprocess import LabelFiles, check_same_shape

Labels = NDArray[np.int32]
Pictures = dict[str, tuple[Labels, Labels]]
"""Name of a picture -> prediction and annotation (*S), for all pictures of a pair of files."""
Draw = Callable[[str, Mapping[str, tuple[Labels, Labels, Errors]], Sequence[int]], None]
"""Called with the name of a pair of files, prediction, truth and errors of its pictures by name, and which
planes of a volume they are; none where they are all of the file."""


def compare(
    predictions: str | Path,
    truths: str | Path,
    *,
    border: int = 0,
    planes: bool = False,
    markers: str | Path | None = None,
    dataset: str = "",
    components: bool = False,
    resolution: Resolution = Resolution(),
    holds: Callable[[str], bool] = lambda name: True,
    empty_chunks: bool = False,
    draw: Draw | None = None,
) -> dict[str, Any]:
    """Score every prediction against the truth of the same name: `a_label.tif` and `a.png` are both `a`.

    Suspicious labels, such as a mask, are scored, and a warning names their file.

    Args:
        predictions: folder of label files, or a file.
        truths: the same; two files are compared whatever their names. `a_z003` is the truth of plane 3 of the
            volume `a`, from 0, as the Cell Tracking Challenge annotates planes.
        border: pixels within which the Cell Tracking Challenge ignores nuclei; see `tracking.inside`.
        planes: treat every plane of a stack as a picture of its own, `name[0]`, `name[1]` and so on, as 2D
            methods predict it; otherwise a stack is one volume.
        markers: folder of label files with a dot in each nucleus, for DET, named like the predictions, of
            which all that have markers count; None uses the nuclei of the truths themselves.
        dataset: of labels in HDF5 files and Zarr groups that have several; '' takes 'label'.
        components: treat a file with one label as a mask, whose connected parts are nuclei.
        resolution: at which labels are scored.
        holds: which names are scored.
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
    wanted = {name: path for name, path in true.items() if holds(name)}
    if not wanted:
        raise UserError(f"{truths}: none of its labels are of the items that the protocol scores")
    marked = None if markers is None else io.named(io.find(markers))
    dots = {name: path for name, path in (marked or {}).items() if holds(name)}
    pairs, missing = io.annotated(found, wanted, dots)
    if len(missing) == len(wanted):
        raise UserError(
            f"no file in {predictions} has the same name as one in {truths}: "
            f"{io.first_few(found)} against {io.first_few(wanted)}; a prediction is called <name>_label.tif"
        )
    if marked is not None and (alone := [pair.name for pair in pairs if pair.markers is None]):
        raise UserError(
            f"{markers} has no markers for {io.first_few(alone)} of {truths}; add them, or omit --markers: "
            "DET from markers and DET from nuclei have no common mean"
        )
    labels = LabelFiles(
        usual=dataset or "label", components=components, mask_remedy="add --components: its parts are nuclei",
        stack_remedy="score them with --planes",
    )  # fmt: skip
    compared, failed, incomplete = dict[str, summary.Compared](), dict[str, UserError](), dict[str, str]()
    detected = dict[str, Overlap]()
    for pair in pairs:
        try:
            pictures, dotted = _pictures(pair, planes, labels, resolution, empty_chunks)
            scores = _scores(pictures, pair, border)
            detected |= {name: _detected(*one, border, pair.markers) for name, one in dotted.items()}
        except UserError as error:
            failed[pair.name] = error
            continue
        problems = list[str]()
        try:
            if pair.truth is not None:
                scores = _with_confidence(scores, pair.picture)
        except UserError as error:
            problems.append(str(error))
        try:
            if draw and scores:
                errors = {name: Errors.of(one.table) for name, one in scores.items()}
                draw(
                    pair.name,
                    {name: (*pictures[name], one) for name, one in errors.items()},
                    [z for _, z, _ in pair.planes],
                )
        except UserError as error:
            problems.append(str(error))
        if problems:
            incomplete[pair.name] = "; ".join(problems)
        compared |= scores
    if not compared:
        raise next(iter(failed.values()))
    return summary.with_images(compared, detected if markers is not None else None) | {
        "definitions": summary.DEFINITIONS
        | {"resolution": str(resolution)}
        | ({"det": summary.DET_BY_MARKERS} if markers is not None else {}),
        "missing": missing,
        "unknown": [name for name in found if holds(name) and name not in {pair.name for pair in pairs}],
        "failed": {name: str(error) for name, error in failed.items()},
        "incomplete": incomplete,
    }


def _pictures(
    pair: io.Pair, planes: bool, files: LabelFiles, resolution: Resolution, empty_chunks: bool
) -> tuple[Pictures, Pictures]:
    """The pictures of a pair, against their truth and against markers, at the resolution of the score."""
    read = partial(files.read, missing=empty_chunks)
    prediction = read(pair.picture)
    found = _squeezed(prediction.data)
    apart = planes and found.ndim > 2

    def against(path: Path, *, doubt: bool) -> Pictures:
        other = read(path)
        true = _squeezed(other.data)
        check_same_shape(path, [true.shape], pair.picture, [found.shape])
        stacks = [list(one.reshape(-1, *one.shape[-2:])) if apart else [one] for one in (found, true)]
        for file, one in zip((pair.picture, path) if doubt else (), stacks, strict=False):
            files.doubt(file, one, volumes=not apart)
        size = other.spacing or prediction.spacing
        return {
            f"{pair.name}[{index}]" if apart else pair.name: (
                resolution(one, size, path), resolution(two, size, path),
            )
            for index, (one, two) in enumerate(zip(*stacks, strict=True))
        }  # fmt: skip

    pictures = against(pair.truth, doubt=True) if pair.truth else {}
    for name, z, path in pair.planes:
        other = read(path)
        flat = _squeezed(other.data)
        if found.ndim != 3 or z >= len(found):
            raise ImageReadError(f"{pair.picture}: has no plane {z}, for its shape is {found.shape}")
        check_same_shape(path, [flat.shape], f"plane {z} of {pair.picture}", [found.shape[1:]])
        size = other.spacing or prediction.spacing
        pictures[name] = resolution(found[z], size, path), resolution(flat, size, path)
    return pictures, against(pair.markers, doubt=False) if pair.markers else {}


def _squeezed(labels: Labels) -> Labels:
    """Without axes of length 1 before y and x, which say nothing."""
    return labels.reshape(*(n for n in labels.shape[:-2] if n > 1), *labels.shape[-2:])


def _scores(pictures: Pictures, pair: io.Pair, border: int) -> dict[str, summary.Compared]:
    try:
        return {name: compared_pair(*labels, border=border) for name, labels in pictures.items()}
    except UserError as error:
        raise UserError(f"{pair.truth or pair.picture}: {error}") from error


def _detected(prediction: Labels, markers: Labels, border: int, path: Path | None) -> Overlap:
    try:
        return detected_pair(prediction, markers, border=border)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _with_confidence(scores: dict[str, summary.Compared], prediction: Path) -> dict[str, summary.Compared]:
    """The same with the confidences of the pictures of a file, where prediction wrote them."""
    found = (one.table for one in scores.values())
    pictures = [dict(zip(t.found_names.tolist(), t.found_sizes.tolist(), strict=True)) for t in found]
    sure = tables.confidence(prediction, pictures)
    if sure is None:
        return scores
    pairs = zip(scores.items(), sure, strict=True)
    return {name: replace(one, confidence=values) for (name, one), values in pairs}


def compared_pair(prediction: Labels, truth: Labels, *, border: int = 0) -> summary.Compared:
    """Counts of a prediction (*S) and its truth; `border` is that of `compare`.

    Raises:
        UserError: when the border leaves nothing of the image.
    """
    table = Overlap.of(prediction, truth)
    field = detected_pair(prediction, truth, border=border) if border else table
    return summary.Compared(pixels.score(prediction, truth), table, field)


def detected_pair(prediction: Labels, markers: Labels, *, border: int = 0) -> Overlap:
    """The nuclei of a prediction (*S) and markers, or whole nuclei, within the field of interest.

    Raises:
        UserError: when the border leaves nothing of the image.
    """
    try:
        return Overlap.of(tracking.inside(prediction, border), tracking.inside(markers, border))
    except ValueError as error:
        raise UserError(f"{error}; give a smaller one, or 0") from error
