"""What prediction writes for one file: labels, maps, translations, overlays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import volumes
from nucleizoo.engine.inference import Segmenter
from nucleizoo.ops.overlay import outline
from nucleizoo.reading import Scan


@dataclass(frozen=True)
class Prediction:
    """What was written for one file: the picture's own name, the file made, nuclei in it."""

    source: Path
    result: Path
    count: int


def write_labels(segmenter: Segmenter, path: Path, folder: Path) -> Prediction:
    """Instance labels of the picture's own shape, to `<stem>_label.tif`."""
    scans = segmenter.read(path)
    found = [segmenter.labels(scan) for scan in scans]
    result = _label_file(path, folder)
    volumes.write_labels(result, _as_in_file(found, scans[0]), scans[0].file_spacing)
    return Prediction(path, result, sum(int(labels.max()) for labels in found))


def write_overlays(segmenter: Segmenter, path: Path, folder: Path) -> None:
    """The nuclei of `<stem>_label.tif` outlined on their picture, a stack's plane by plane."""
    pictures = segmenter.reader.looks(path)
    planes = segmenter.reader.label_planes(_label_file(path, folder))
    for index, (picture, labels) in enumerate(zip(pictures, planes, strict=True)):
        plane = f"_{index:04d}" if len(pictures) > 1 else ""
        volumes.write_png(folder / f"{path.stem}{plane}_overlay.png", outline(picture, labels))


def write_maps(segmenter: Segmenter, path: Path, folder: Path) -> Prediction:
    """The network's maps at its own resolution, to `<stem>_maps.tif`, channels in front if several."""
    scans = segmenter.read(path)
    channels = zip(*(segmenter.maps(scan.image) for scan in scans), strict=True)
    maps = _stacked([_as_in_file(list(planes), scans[0]) for planes in channels])
    return _written(path, folder / f"{path.stem}_maps.tif", maps, scans[0].spacing)


def write_source(segmenter: Segmenter, path: Path, folder: Path) -> Prediction:
    """The picture as it looks in the source domain, to `<stem>_source.tif`."""
    scans = segmenter.read(path)
    pictures = _as_in_file([segmenter.to_source(scan.image)[0] for scan in scans], scans[0])
    return _written(path, folder / f"{path.stem}_source.tif", pictures, scans[0].spacing)


def write_image(segmenter: Segmenter, path: Path, folder: Path) -> Prediction:
    """A label file as a picture that looks like the images trained on, to `<stem>_image.tif`."""
    labels = segmenter.reader.read_labels(path)
    pictures = _stacked([segmenter.to_image(segmenter.picture_of(one))[0] for one in labels])
    return _written(path, folder / f"{path.stem}_image.tif", pictures, segmenter.reader.frame.spacing)


WRITERS: dict[str, Callable[[Segmenter, Path, Path], Prediction]] = {
    "labels": write_labels,
    "maps": write_maps,
    "source": write_source,
    "image": write_image,
}
"""By what `nucleizoo predict --to` calls them."""


def _label_file(path: Path, folder: Path) -> Path:
    return folder / f"{path.stem}_label.tif"


def _written(
    path: Path, result: Path, pictures: NDArray[np.float32], spacing: tuple[float, ...]
) -> Prediction:
    volumes.write_image(result, pictures, spacing)
    return Prediction(path, result, 0)


def _as_in_file(planes: list[NDArray[Any]], scan: Scan) -> NDArray[Any]:
    """What was made of every picture of a file, along the axes that the file has."""
    return np.stack(planes).reshape(*scan.stack, *planes[0].shape)


def _stacked(planes: list[NDArray[Any]]) -> NDArray[Any]:
    return planes[0] if len(planes) == 1 else np.stack(planes)
