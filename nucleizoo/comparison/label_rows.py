"""Labels that any program wrote, as a row of the report: there is no run, only its label files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.comparison.annotations import LABELS, Annotation, read_annotations
from nucleizoo.comparison.applied import Applied
from nucleizoo.comparison.pairs import Pair
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.io import Volume
from nucleizoo.metrics.folders import Labels
from nucleizoo.metrics.protocol import PLAIN, Scoring
from nucleizoo.ops.image.intensity import luminance
from nucleizoo.preprocess import LabelFiles, Reader, check_same_shape
from nucleizoo.training.label_free import offset

SIDE = {2: 512, 3: 64}
"""Pixels along each axis, at most, of the middle of a picture in which displaced labels are looked for."""


class GreyReader(Reader):
    """Reads pictures that no network sees: colours as their luminance, of other channels the first."""

    def open(self, path: str | Path, *, max_voxels: int = io.MAX_VOXELS) -> Volume:
        """As `Reader.open`, without a channel axis."""
        volume = super().open(path, max_voxels=max_voxels)
        if "C" not in volume.axes:
            return volume
        data = luminance(volume.data) if volume.data.shape[-1] == 3 else volume.data[..., 0]
        return Volume(data, volume.axes.replace("C", ""), volume.spacing)

    @classmethod
    def like(cls, dims: int, keys: Mapping[str, object]) -> GreyReader:
        """A reader of images (`dims` 2) or volumes, with the keys of DATASET.IMAGE that hold for it."""
        known = {name: keys[name.upper()] for name in _FINDS if name.upper() in keys}
        return cls(DataSpec(dims), **known)  # type: ignore[arg-type]


_FINDS = ("dataset", "spacing", "empty_chunks")
"""Settings of a reader that do not depend on what a network has learnt."""


def dims_of(pairs: Sequence[Pair]) -> int:
    """Whether pictures and their labels are images (2) or volumes (3), by the first that can be read."""
    for pair in pairs:
        if pair.planes:
            return 3
        try:
            return max(io.dims_of(path) for path in (pair.picture, pair.truth) if path is not None)
        except ImageReadError:
            continue  # named when it is its turn
    return 2


def label_files(name: str, folder: str | Path, pairs: Sequence[Pair]) -> dict[str, Path]:
    """The label files of a row, by the names of their pictures.

    Raises:
        UserError: when there are none, none is called like a picture, or two have the same name.
    """
    found = io.label_files(folder)
    if not any(pair.name in found for pair in pairs):
        raise UserError(
            f"no file in {folder} has the name of a picture of which '{name}' should be labels: "
            f"{io.first_few(found)} against {io.first_few(pair.name for pair in pairs)}; name the labels of "
            "a.png a.tif or a_label.tif"
        )
    return found


def apply(
    name: str,
    found: Mapping[str, Path],
    pairs: Sequence[Pair],
    reader: GreyReader,
    *,
    draw: bool = False,
    scoring: Scoring = PLAIN,
    files: LabelFiles = LABELS,
) -> Applied:
    """Compare label files with the truth of the same names.

    Suspicious labels, such as a mask, are scored, and a warning names their file.

    Args:
        name: of the row, for messages.
        found: label files, from `label_files`.
        pairs: pictures with their truth.
        reader: of the pictures, for their shapes, voxel size and looks.
        draw: make the layers for the page as well.
        scoring: border and resolution.
        files: how labels are read, those that are scored and the truth.

    Raises:
        ImageReadError: when no pair can be used.
    """
    middles = list[tuple[NDArray[np.float32], Labels]]()

    def found_in(pair: Pair) -> Iterator[tuple[Annotation, Labels]]:
        if pair.name not in found:
            folder = next(iter(found.values())).parent
            raise ImageReadError(f"{pair.picture}: '{name}' has no labels of it in {folder}; add them")
        path, volume = found[pair.name], reader.open(pair.picture)
        looks = reader.show(volume, str(pair.picture))
        shapes = [look.shape for look in looks]
        labels = reader.label_planes(path, files)
        check_same_shape(path, [one.shape for one in labels], pair.picture, shapes)
        middles.extend((_middle(look), _middle(one)) for look, one in zip(looks, labels, strict=True))
        known = read_annotations(pair, reader, shapes, volume.spacing, scoring, files)
        yield from zip(known, labels, strict=True)

    applied = Applied.of(pairs, found_in, scoring, draw=draw)
    return replace(applied, unlabelled={"offset": _offset(middles)})


def _middle(picture: NDArray[Any]) -> NDArray[Any]:
    """The middle of a picture or labels (*S), where they are large."""
    most = SIDE[picture.ndim]
    return picture[
        tuple(slice(max(0, (n - most) // 2), max(0, (n - most) // 2) + most) for n in picture.shape)
    ].copy()


def _offset(pictures: Sequence[tuple[NDArray[np.float32], Labels]]) -> float:
    """See `training.label_free.offset`; what is not of the usual size is cut to the smallest."""
    least = tuple(map(min, zip(*(look.shape for look, _ in pictures), strict=True)))
    corner = tuple(slice(n) for n in least)
    return offset([look[corner][None] for look, _ in pictures], [labels[corner] for _, labels in pictures])
