"""Write a data set as plain folders of images and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic_folder
from nucleizoo.published.folder import opened
from nucleizoo.published.item import SPLITS, Item
from nucleizoo.published.picture import picture


@dataclass(frozen=True)
class Arranged:
    """One item that was written: its name, the number of all items, whether it has labels and markers."""

    name: str
    total: int
    is_labelled: bool
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

    All are TIFF with the voxel size, for training, prediction and scoring. The folder appears when all
    is written; yields after each item.

    Args:
        folder: an unpacked data set; it is only read.
        output: folder to create.
        name: the set; '' recognises it. Voxel sizes of the Cell Tracking Challenge depend on it.
        split: 'train' or 'test'; '' for both.
        truth: 'gt' or 'st', gold or silver truth.
        every: also write pictures without labels, for training without them, and whole volumes where only
            some planes are annotated, without labels then.

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
        for item in chosen:
            _write(item, place.spacing, part)
            yield Arranged(item.name, len(chosen), item.is_labelled, item.markers is not None)


def _write(item: Item, spacing: tuple[float, ...], folder: Path) -> None:
    seen = picture(item, spacing)
    io.write_image(_file(folder, "images", item), seen.image, seen.spacing, seen.axes)
    for kind, labels in (("labels", seen.labels), ("markers", seen.markers)):
        if labels is not None:
            io.write_labels(_file(folder, kind, item), labels, seen.spacing)


def _file(folder: Path, kind: str, item: Item) -> Path:
    (folder / kind).mkdir(exist_ok=True)
    return folder / kind / f"{item.name}.tif"
