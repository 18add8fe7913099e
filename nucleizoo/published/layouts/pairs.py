"""Volumes and labels side by side: `vol1_im.h5` and `vol1_seg.h5`, or both in one HDF5 file."""

from __future__ import annotations

import re
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.published.item import Item, Listing, Place

SIGN = "*.[ht][5di]*"

_SUFFIXES = (".h5", ".hdf5", ".tif", ".tiff")
_LABEL = re.compile(r"(?<![a-z])(seg|segm|segmentation|labels?|gt|mask|inst|instances?)(?![a-z])", re.I)
_IMAGE = re.compile(r"(?<![a-z])(im|img|images?|raw)(?![a-z])", re.I)


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All volumes, with their labels in files beside them or inside.

    Label files have a word such as 'seg' or 'label' in their names; without it, and without 'im' or 'image',
    they have the name of their volume. A volume without such a file has its labels inside, if it is HDF5
    with the datasets 'image' and 'label'.

    Raises:
        ImageReadError: when two volumes, or two files of labels, would have one name, and for a volume that
            is damaged, where its labels might be inside.
    """
    files = sorted(f for f in root.iterdir() if f.suffix.lower() in _SUFFIXES and f.name[0] != ".")
    labels = io.by_unique_name((_plain(file.stem), file) for file in files if _LABEL.search(file.stem))
    images = io.by_unique_name((_plain(file.stem), file) for file in files if not _LABEL.search(file.stem))
    found = io.match(images, labels)
    items = list[Item]()
    for name, image in images.items():
        place = _inside(image) if name in found.first else Place(labels[name])
        items.append(Item(name, "train", Place(image), place))
    missing = [f"an image for {path.name}" for path in found.second.values()]
    missing += [f"labels of {item.image.path.name}" for item in items if not item.is_labelled]
    return Listing(tuple(items), tuple(missing))


def _plain(stem: str) -> str:
    """A name without the words that distinguish images from labels."""
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
            "truncated: unpack the set again"
        ) from error
