"""What prediction writes for one file: labels, maps, translations, overlays."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.inference import companions, nuclei_table
from nucleizoo.inference.nucleus_scale import Scale
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.weights_hash import weights_hash
from nucleizoo.io import name_of
from nucleizoo.ops.labels.overlay import outline
from nucleizoo.preprocess import Stack

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """What was written for one file.

    Attributes:
        path: of the picture.
        result: path of what was written.
        count: number of nuclei.
        scale: of the nuclei, where it was found.
    """

    path: Path
    result: Path
    count: int
    scale: Scale | None = None


def make_folder(output: str | Path, inputs: Iterable[Path]) -> Path:
    """Make the folder for results, unless it is inside an input.

    Raises:
        UserError: when there is a file of that name, when it is called like an image, or when it is inside a
            Zarr folder of the input.
        OSError: when it cannot be made.
    """
    folder = Path(output)
    if folder.suffix.lower() in io.IMAGE_SUFFIXES and not folder.is_dir():
        raise UserError(
            f"{folder}: --output is the folder in which results are called after their pictures, not the "
            "name of a result; give a folder"
        )
    for path in filter(io.is_zarr, inputs):
        root = path.resolve()
        while io.is_zarr(root.parent):
            root = root.parent
        if folder.resolve().is_relative_to(root):
            raise UserError(
                f"{folder}: --output is inside the input {root}, which must not change; choose one outside"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{folder}: --output must be a folder, but there is a file of that name") from error
    return folder


def write_labels(
    segmenter: Segmenter, path: Path, folder: Path, *, table: bool = False, overlay: bool = False
) -> Prediction:
    """Write instance labels in the shape of the picture to `<stem>_label.tif`.

    Args:
        segmenter: of the run.
        path: of the picture.
        folder: to write to.
        table: also write `<stem>_nuclei.csv`.
        overlay: also write `<stem>_overlay.png`, nuclei outlined on their picture; one file per plane of a
            stack.

    Table and overlays of older labels of the picture are removed, so that all that is there belongs together.

    Raises:
        ForeignFileError: before any work, when there is a file that is not ours, or was changed.
        ImageReadError: when the picture cannot be used.
        OSError: when the disk is full.
    """
    result, rows_file, drawing = (
        folder / f"{name_of(path)}{end}" for end in ("_label.tif", "_nuclei.csv", "_overlay.png")
    )
    _free(result)
    if table:
        io.check_replaceable(rows_file, "csv", nuclei_table.COLUMNS)
    if overlay:
        io.check_replaceable(drawing, "png")
    segmenter, volume = segmenter.opened(path)
    scans = segmenter.reader.prepare(volume, str(path))
    endings = [f"_{index:04d}" for index in range(len(scans))] if len(scans) > 1 else [""]
    drawings = [drawing.with_name(f"{name_of(path)}{plane}_overlay.png") for plane in endings]
    if overlay:
        companions.check_overlays(drawings, result)
    else:
        del volume  # as large as its scans, and no longer needed
    found, rows = list[NDArray[np.int32]](), list[nuclei_table.Row]()
    for index, scan in enumerate(scans):
        made = segmenter.segment(scan)
        found.append(made.labels)
        if table:
            rows += nuclei_table.rows(made.labels, made.likelihood, scan.file_spacing, index)
    if len(scans) > 1 and found[0].ndim == 2:
        log.info("%s: the nuclei of each plane are numbered from 1; score them with evaluate --planes", path)
    companions.remove(result, segmenter)
    axes = "ZYX"[-found[0].ndim :]
    io.write_labels(result, *_as_in_file(found, axes, scans[0].file_spacing, scans[0].stack))
    if table:
        nuclei_table.write(rows_file, rows, found[0].ndim, scans[0].file_spacing)
    if overlay:
        pictures = segmenter.reader.show(volume, str(path))
        for place, picture, labels in zip(drawings, pictures, found, strict=True):
            io.write_png(place, outline(picture, labels))
    return Prediction(path, result, sum(int(labels.max()) for labels in found), segmenter.scale)


def write_maps(segmenter: Segmenter, path: Path, folder: Path) -> Prediction:
    """Write the network's maps, at the network's resolution, to `<stem>_maps.tif`."""
    result = _free(folder / f"{name_of(path)}_maps.tif")
    segmenter, volume = segmenter.opened(path)
    scans = segmenter.reader.prepare(volume, str(path))
    made = [segmenter.maps(scan.image) for scan in scans]
    return _written(path, result, made, scans[0].spacing, scans[0].stack, segmenter)


def write_source(segmenter: Segmenter, path: Path, folder: Path) -> Prediction:
    """Translate a picture to the source domain, float32 in [0, 1], into `<stem>_source.tif`."""
    result = _free(folder / f"{name_of(path)}_source.tif")
    segmenter, volume = segmenter.opened(path)
    scans = segmenter.reader.prepare(volume, str(path))
    made = [_seen(segmenter.to_source(scan.image)) for scan in scans]
    return _written(path, result, made, scans[0].spacing, scans[0].stack, segmenter)


def write_image(segmenter: Segmenter, path: Path, folder: Path) -> Prediction:
    """Translate a label file to a picture that looks like the training images, into `<stem>_image.tif`."""
    result = _free(folder / f"{name_of(path)}_image.tif")
    labels = segmenter.reader.read_labels(path)
    made = [_seen(segmenter.to_image(segmenter.picture_of(one, labels.spacing))) for one in labels.planes]
    return _written(path, result, made, labels.spacing, labels.stack, segmenter)


WRITERS: dict[str, Callable[[Segmenter, Path, Path], Prediction]] = {
    "labels": write_labels,
    "maps": write_maps,
    "source": write_source,
    "image": write_image,
}
"""By their names in `nucleizoo predict --to`."""


def _free(result: Path) -> Path:
    """The path of a TIFF, which may be written to.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
    """
    io.check_replaceable(result, "tif")
    return result


def _seen(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture from the networks' [-1, 1] to [0, 1], which the scaling 'dtype' reads unchanged."""
    return np.clip((picture + 1) / 2, 0, 1)


def _written(
    path: Path,
    result: Path,
    made: list[NDArray[np.float32]],
    spacing: tuple[float, ...],
    stack: Stack,
    segmenter: Segmenter,
) -> Prediction:
    """Write the results for all pictures of a file, each (K, *S); several channels go before y and x."""
    axes = "ZYX"[-made[0].ndim + 1 :]
    if len(made[0]) > 1:
        axes, made = axes.replace("YX", "CYX"), [np.moveaxis(one, 0, -3) for one in made]
    else:
        made = [one[0] for one in made]
    io.write_image(result, *_as_in_file(made, axes, spacing, stack), made_by=weights_hash(segmenter))
    return Prediction(path, result, 0)


def _as_in_file(
    planes: list[NDArray[Any]], axes: str, spacing: tuple[float, ...], stack: Stack
) -> tuple[NDArray[Any], tuple[float, ...], str]:
    """Stack the results for all pictures of a file in its own order.

    Args:
        planes: one for each picture.
        axes: of a plane.
        spacing: of a plane, micrometres; () when unknown.
        stack: the axes that the file has besides these.

    Returns:
        The stack, its voxel size, () if unknown for any axis, and its axes.
    """
    whole = np.stack(planes).reshape(*stack.shape, *planes[0].shape)
    known = bool(spacing) and len(stack.spacing) == ("Z" in stack.axes)
    return whole, stack.spacing + spacing if known else (), stack.axes + axes
