"""BBBC024: `image-final_0000.tif` and `image-labels_0000.tif`, maybe of several subsets; it has no split."""

from __future__ import annotations

import re
from pathlib import Path

from nucleizoo.published.item import Item, Listing, Place
from nucleizoo.published.layouts.words import pictures

SIGN = "image-final_*.tif"

_SUBSET = re.compile(r"c\d+_[a-z]+SNR", re.I)


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All volumes; of several subsets called after theirs, such as 'c75_highSNR_volume_0000'.

    Raises:
        UserError: asks about pictures that are called like labels.
    """
    items, missing = list[Item](), list[str]()
    images = pictures((file for file in root.rglob(SIGN) if file.name[0] != "."), root)
    several = len({image.parent for image in images}) > 1
    for image in images:
        label = image.with_name(image.name.replace("image-final", "image-labels"))
        if not label.is_file():
            missing.append(str(label.relative_to(root)))
        place = Place(label) if label.is_file() else None
        name = image.stem.replace("image-final_", "volume_")
        subset = f"{_subset(image.parent.relative_to(root))}_" if several else ""
        items.append(Item(f"{subset}{name}", "train", Place(image), place))
    return Listing(tuple(items), tuple(missing))


def _subset(folder: Path) -> str:
    """Degree of clustering and signal to noise, as folders say, or else their names."""
    told = _SUBSET.search(str(folder))
    return told[0] if told else "_".join(folder.parts) or "first"
