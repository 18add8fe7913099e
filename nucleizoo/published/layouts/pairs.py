"""Volumes and labels side by side: `vol1_im.h5` and `vol1_seg.h5`, or both in one HDF5 file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.published.item import Item, Listing, Place

SIGN = "*.[ht][5di]*"

_SUFFIXES = (".h5", ".hdf5", ".tif", ".tiff")
_LABEL = re.compile(r"(?<![a-z])(seg|segm|segmentation|labels?|gt|mask|inst|instances?)(?![a-z])", re.I)
_IMAGE = re.compile(r"(?<![a-z])(im|img|images?|raw)(?![a-z])", re.I)


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """Files of labels have a word such as 'seg' or 'label' in their names; without it, and without 'im' or
    'image', they are called as their volumes. A volume without such a partner has its labels in itself,
    when it is HDF5 with the datasets 'image' and 'label'.

    Raises:
        UserError: when two volumes, or two files of labels, would have one name.
        ImageReadError: for a volume that is damaged, where its labels might be inside.
    """
    files = sorted(f for f in root.iterdir() if f.suffix.lower() in _SUFFIXES and f.name[0] != ".")
    labels = _named("labels", (file for file in files if _LABEL.search(file.stem)))
    images = _named("volumes", (file for file in files if not _LABEL.search(file.stem)))
    items = list[Item]()
    for name, image in images.items():
        place = Place(labels[name]) if name in labels else _inside(image)
        items.append(Item(name, "train", Place(image), place))
    missing = [f"an image beside {labels[name].name}" for name in labels if name not in images]
    missing += [f"labels of {item.image.path.name}" for item in items if not item.is_labelled]
    return Listing(tuple(items), tuple(missing))


def _named(kind: str, files: Iterable[Path]) -> dict[str, Path]:
    """Files by the names of their volumes, one each."""
    found: dict[str, Path] = {}
    for file in files:
        name = _plain(file.stem)
        if name in found:
            raise UserError(
                f"{found[name]} and {file} are both {kind} called '{name}'; leave one in the folder"
            )
        found[name] = file
    return found


def _plain(stem: str) -> str:
    """A name without the words that tell images from labels."""
    return re.sub(r"[-_. ]+", "_", _IMAGE.sub("", _LABEL.sub("", stem))).strip("_") or "volume"


def _inside(image: Path) -> Place | None:
    if image.suffix.lower() not in (".h5", ".hdf5"):
        return None
    import h5py

    try:
        with h5py.File(image, "r") as file:
            return Place(image, "label") if {"image", "label"} <= set(file) else None
    except OSError as error:
        raise ImageReadError(
            f"{image}: cannot be read as HDF5 ({image.stat().st_size} bytes): {error}; it may be damaged or "
            "cut short: unpack the set again"
        ) from error
