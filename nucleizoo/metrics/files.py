"""Scores and drawn errors, written to a folder."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.csv_text import csv_text
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import is_too_long
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.folders import Draw, Labels
from nucleizoo.ops.labels.overlay import marks
from nucleizoo.preprocess import channels_first, check_same_shape

PER_IMAGE = ("image", "pixels.precision")
"""The first columns of the table of images."""

COLOURS = {
    "matched": (0, 158, 115),
    "missed": (213, 94, 0),
    "invented": (240, 228, 66),
    "split": (86, 180, 233),
    "merged": (204, 121, 167),
}
"""Okabe and Ito's colours, which colour-blind readers can distinguish."""


def prepare(path: str | Path, kind: str, columns: tuple[str, ...] = ()) -> None:
    """Create the folder of a file to be written, before hours of work go into its content.

    Args:
        path: of the file.
        kind: see `io.check_replaceable`.
        columns: see there.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        UserError: when the file could not be written.
        OSError: when the folder cannot be made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        reason = "is a folder" if path.is_dir() else f"cannot be written, since {path.parent} is read-only"
        raise UserError(f"{path}: {reason}; name another file")
    io.check_replaceable(path, kind, columns)


def json_text(result: Mapping[str, Any]) -> str:
    """All scores, for `io.write_results`; an undefined one (a ratio to 0) is null."""
    return json.dumps({"software": io.FULL_MARK} | _valued(result), indent=2, allow_nan=False) + "\n"


def images_text(images: Mapping[str, Mapping[str, Any]]) -> str:
    """CSV with a row per image, a column per score; nested names are joined by a dot."""
    return csv_text([{"image": name} | dict(_flat(scores)) for name, scores in images.items()])


def write_rows(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table of at least one row as CSV, in the place of an older one; missing values stay empty.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        OSError: when the disk is full.
    """
    io.check_replaceable(path, "csv", tuple(rows[0])[:2])
    io.write_results({Path(path): csv_text(rows)})


def draw_into(folder: str | Path, images: str | Path | None = None) -> Draw:
    """A function that draws the errors of pictures to `<folder>/<name>_errors.png`.

    Matched, invented and merged nuclei are outlined as predicted, missed and split ones as annotated.

    Args:
        folder: where the drawings go.
        images: folder of the pictures, named like the truths; without it they are drawn on black.

    Raises:
        UserError: when two pictures have one name; while drawing, for one missing, of another shape, or with
            a name too long for its drawing.
    """
    files = io.named(io.find_pictures(images)) if images else None

    def draw(
        name: str, pictures: Mapping[str, tuple[Labels, Labels, Errors]], planes: Sequence[int] = ()
    ) -> None:
        shape = next(iter(pictures.values()))[1].shape
        blank = np.zeros((len(pictures), *shape))
        backgrounds = blank if files is None else _backgrounds(files, name, blank.shape, planes)
        for background, (one, (prediction, truth, errors)) in zip(backgrounds, pictures.items(), strict=True):
            kinds = {kind: (of, COLOURS[kind]) for kind, of in kinds_of(prediction, truth, errors).items()}
            path = Path(folder) / f"{one}_errors.png"
            if is_too_long(path):
                raise UserError(
                    f"{one}: its name is too long for the drawing of its errors; rename its files"
                )
            io.write_png(path, marks(background, kinds))

    return draw


def kinds_of(prediction: Labels, truth: Labels, errors: Errors) -> dict[str, Labels]:
    """Labels (*S) of every kind of `COLOURS`: missed and split ones of the truth, the others predicted."""
    return {
        kind: _only(truth if kind in ("missed", "split") else prediction, getattr(errors, kind))
        for kind in COLOURS
    }


def _only(labels: Labels, names: NDArray[np.int64]) -> Labels:
    return np.where(np.isin(labels, names), labels, 0).astype(np.int32)


def _backgrounds(
    files: Mapping[str, Path], name: str, shape: tuple[int, ...], planes: Sequence[int]
) -> NDArray[np.floating[Any]]:
    """The pictures in a file, or some planes of it, (N, *S); a stack of planes may have time and depth."""
    if name not in files:
        raise UserError(f"there is no image '{name}' to draw errors on; add it, or omit --images")
    path = files[name]
    volume = io.read(path)
    channels = volume.data.shape[-1] if "C" in volume.axes else 1
    choice = "luminance" if channels in (1, 3) else "0"
    picture: NDArray[np.float64] = channels_first(volume, str(path), choice, 1)[0].astype(float)
    if planes:
        picture = picture.reshape(-1, *picture.shape[-2:])[list(planes)]
    outer, inner = picture.shape[: 1 - len(shape)], picture.shape[1 - len(shape) :]
    check_same_shape(path, [inner] * math.prod(outer), "its label file", [shape[1:]] * shape[0])
    return picture.reshape(shape)


def _valued(result: Any) -> Any:
    """The same with None for every NaN."""
    if isinstance(result, Mapping):
        return {name: _valued(value) for name, value in result.items()}
    return None if isinstance(result, float) and math.isnan(result) else result


def _flat(scores: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    for name, value in scores.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
