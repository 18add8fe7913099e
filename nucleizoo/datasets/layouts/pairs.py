"""Volumes and labels side by side: `vol1_im.h5` and `vol1_seg.h5`, or both in one HDF5 file."""

from __future__ import annotations

import re
from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.datasets._item import Item, Listing, Place

SIGN = "*.[ht][5di]*"

_SUFFIXES = (".h5", ".hdf5", ".tif", ".tiff")
_LABEL = re.compile(r"(?<![a-z])(seg|segm|segmentation|labels?|gt|mask|inst|instances?)(?![a-z])", re.I)
_IMAGE = re.compile(r"(?<![a-z])(im|img|images?|raw)(?![a-z])", re.I)


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """Files of labels have a word such as 'seg' or 'label' in their names; without it, and without 'im' or
    'image', they are called as their volumes. A volume without such a partner has its labels in itself,
    when it is HDF5 with the datasets 'image' and 'label'.

    Raises:
        UserError: when two volumes would have one name.
    """
    files = sorted(file for file in root.iterdir() if file.suffix.lower() in _SUFFIXES)
    labels = {_plain(file.stem): file for file in files if _LABEL.search(file.stem)}
    items, taken = list[Item](), dict[str, Path]()
    for image in (file for file in files if not _LABEL.search(file.stem)):
        name = _plain(image.stem)
        if name in taken:
            raise UserError(
                f"{taken[name]} and {image} are both volumes called '{name}'; leave one in the folder"
            )
        taken[name] = image
        place = Place(labels[name]) if name in labels else _inside(image)
        items.append(Item(name, "train", Place(image), place))
    missing = [f"an image beside {labels[name].name}" for name in labels if name not in taken]
    missing += [f"labels of {item.image.path.name}" for item in items if not item.is_labelled]
    return Listing(tuple(items), tuple(missing))


def _plain(stem: str) -> str:
    """A name without the words that tell images from labels."""
    return re.sub(r"[-_. ]+", "_", _IMAGE.sub("", _LABEL.sub("", stem))).strip("_") or "volume"


def _inside(image: Path) -> Place | None:
    if image.suffix.lower() not in (".h5", ".hdf5"):
        return None
    import h5py

    with h5py.File(image, "r") as file:
        return Place(image, "label") if {"image", "label"} <= set(file) else None
