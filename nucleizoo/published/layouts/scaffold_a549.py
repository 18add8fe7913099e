"""Scaffold-A549: `train/sf_a549_01.npy`... without labels, `test/sf_a549_21.npy` and `..._Label.npy`."""

from __future__ import annotations

from pathlib import Path

from nucleizoo.published.item import SPLITS, Item, Listing, Place
from nucleizoo.published.layouts.words import pictures

SIGN = "t*/sf_a549_*.npy"


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All volumes; those for testing have labels.

    Raises:
        UserError: asks about pictures that are called like labels.
    """
    items, missing = list[Item](), list[str]()
    for split in SPLITS:
        volumes = (root / split).glob("sf_a549_*.npy")
        images = pictures((file for file in volumes if not file.stem.endswith("_Label")), root)
        if not images:
            missing.append(f"{split}/sf_a549_*.npy")
        for image in images:
            label = image.with_name(f"{image.stem}_Label.npy")
            if split == "test" and not label.is_file():
                missing.append(f"{split}/{label.name}")
            place = Place(label) if label.is_file() else None
            items.append(Item(image.stem, split, Place(image), place))
    return Listing(tuple(items), tuple(missing))
