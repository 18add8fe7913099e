"""What is annotated of the pictures of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nucleizoo.comparison.pairs import Pair
from nucleizoo.core.errors import ImageReadError
from nucleizoo.metrics import tracking
from nucleizoo.metrics.folders import Labels
from nucleizoo.metrics.protocol import Scoring
from nucleizoo.preprocess import LabelFiles, Reader, check_same_shape

LABELS = LabelFiles(mask_remedy="add --components: its parts are nuclei then")
"""How `nucleizoo compare` reads labels, unless it is told more."""


@dataclass(frozen=True, eq=False)
class Annotation:
    """What the labels of one picture are compared with.

    Attributes:
        name: of the picture.
        truth: labels of all of it, or None.
        planes: name, number and labels of annotated planes, where the rest is not annotated.
        markers: or None.
        size: voxel size of the labels in micrometres; () when unknown.
        path: of the labels.
    """

    name: str
    truth: Labels | None
    planes: list[tuple[str, int, Labels]]
    markers: Labels | None
    size: tuple[float, ...]
    path: Path


def names_of(pair: Pair, planes: int) -> list[str]:
    """How the pictures of a file are called: as the file, or by their place in the stack."""
    return [pair.name] if planes == 1 else [f"{pair.name} plane {index}" for index in range(planes)]


def read_annotations(
    pair: Pair,
    reader: Reader,
    shapes: Sequence[tuple[int, ...]],
    spacing: tuple[float, ...],
    scoring: Scoring,
    files: LabelFiles,
) -> list[Annotation]:
    """Read what is annotated of every picture of a file.

    Args:
        pair: its files.
        reader: of the pictures.
        shapes: (*S) of the pictures in the file.
        spacing: what the file says of its voxel size.
        scoring: the border that must leave something of every picture.
        files: how labels are read.

    Raises:
        ImageReadError: when labels cannot be used, or do not have these shapes.
    """

    def planes_in(path: Path) -> list[Labels]:
        labels = reader.label_planes(path, files)
        check_same_shape(path, [one.shape for one in labels], pair.picture, shapes)
        return labels

    truths = planes_in(pair.truth) if pair.truth else [None] * len(shapes)
    markers = planes_in(pair.markers) if pair.markers else [None] * len(shapes)
    flat = list[tuple[str, int, Labels]]()
    for name, z, path in pair.planes:
        labels = files.read(path).data
        if len(shapes) != 1 or len(shapes[0]) != 3 or z >= shapes[0][0]:
            raise ImageReadError(f"{path}: is plane {z} of a volume, which {pair.picture} is not, or has not")
        check_same_shape(path, [labels.shape], f"plane {z} of {pair.picture}", [shapes[0][1:]])
        flat.append((name, z, labels))
    path = pair.truth or pair.markers or pair.planes[0][2]
    try:
        tracking.inside(np.zeros(shapes[0], np.int32), scoring.border)  # known before the prediction
    except ValueError as error:
        raise ImageReadError(f"{path}: {error}; give a --border from 0 to below half of it") from error
    size = reader.voxel_size(spacing)
    return [
        Annotation(name, truth, flat, dots, size, path)
        for name, truth, dots in zip(names_of(pair, len(shapes)), truths, markers, strict=True)
    ]
