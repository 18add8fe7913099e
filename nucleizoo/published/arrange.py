"""Write a data set as plain folders of images and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic_folder
from nucleizoo.preprocess import as_labels, check_same_shape
from nucleizoo.published.folder import opened
from nucleizoo.published.item import SPLITS, Item
from nucleizoo.published.picture import picture


@dataclass(frozen=True)
class Arranged:
    """One item that was written.

    Attributes:
        name: of its files.
        total: number of all items.
        labels: label files: 1 for all of it, or one per annotated plane.
        is_marked: whether it has markers.
    """

    name: str
    total: int
    labels: int
    is_marked: bool


def arrange(
    folder: str | Path,
    output: str | Path,
    *,
    name: str = "",
    split: str = "",
    truth: str = "gt",
    every: bool = False,
) -> Iterator[Arranged]:
    """Write `images/<item>.tif`, `labels/<item>.tif` and, where the set has them, `markers/<item>.tif`.

    All are TIFF with the voxel size, for training, prediction and scoring; `items.csv` says of which set and
    split each is. The folder appears when all is written; yields after each item.

    Args:
        folder: an unpacked data set; it is only read.
        output: folder to create.
        name: the set; '' recognises it. Voxel sizes of the Cell Tracking Challenge depend on it.
        split: 'train' or 'test'; '' for both.
        truth: 'gt' or 'st', gold or silver truth.
        every: also write pictures without labels, for training without them, and whole volumes where only
            some planes are annotated; labels are those of the planes then, `labels/<item>_z<plane>.tif`.

    Raises:
        UserError: when the folder is not a known set or is damaged, nothing is left to write, or the
            output exists already or is inside the folder.
    """
    if split not in ("", *SPLITS):
        raise UserError(f"SPLIT must be one of {', '.join(SPLITS)}, got '{split}'")
    place = opened(folder, name)
    if Path(output).resolve().is_relative_to(place.root.resolve()):
        raise UserError(
            f"{output}: is inside the data set, which is only read; name a folder outside of {folder}"
        )
    items = [item for item in place.listing(truth, whole=every).items if split in ("", item.split)]
    chosen = [item for item in items if every or item.is_labelled]
    if not chosen:
        what = f"{truth} labels" if items else "images"
        where = f" in split {split}" if split else ""
        raise UserError(f"{place.root}: has no {what}{where}; nucleizoo data check shows what there is")
    with atomic_folder(output) as part:
        title = place.dataset.name if place.dataset else ""
        io.write_items(part, [io.Listed(item.name, title, item.split) for item in chosen])
        for item in chosen:
            _write(item, place.spacing, part)
            labels = len(item.planes) or int(item.is_labelled)
            yield Arranged(item.name, len(chosen), labels, item.markers is not None)


def _write(item: Item, spacing: tuple[float, ...], folder: Path) -> None:
    seen = picture(item, spacing)
    io.write_image(_file(folder, "images", item.name), seen.image, seen.spacing, seen.axes)
    for kind, labels in (("labels", seen.labels), ("markers", seen.markers)):
        if labels is not None:
            io.write_labels(_file(folder, kind, item.name), labels, seen.spacing)
    for z, place in item.planes:
        labels = as_labels(place.read("label"), str(place.path))
        flat = seen.image.shape[-2:]
        check_same_shape(place.path, [labels.shape], item.image.path, [flat], "unpack the set again")
        io.write_labels(_file(folder, "labels", f"{item.name}_z{z}"), labels, seen.spacing[-2:])


def _file(folder: Path, kind: str, name: str) -> Path:
    (folder / kind).mkdir(exist_ok=True)
    return folder / kind / f"{name}.tif"
