"""BBBC024: `image-final_0000.tif` and `image-labels_0000.tif`; it has no split."""

from __future__ import annotations

from pathlib import Path

from nucleizoo.published.item import Item, Listing, Place

SIGN = "image-final_*.tif"


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All volumes."""
    items, missing = list[Item](), list[str]()
    for image in sorted(root.glob(SIGN)):
        label = image.with_name(image.name.replace("image-final", "image-labels"))
        if not label.is_file():
            missing.append(label.name)
        place = Place(label) if label.is_file() else None
        items.append(Item(image.stem.replace("image-final_", "volume_"), "train", Place(image), place))
    return Listing(tuple(items), tuple(missing))
