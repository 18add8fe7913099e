"""2018 Data Science Bowl: `<id>/images/<id>.png`, `<id>/masks/*.png`, one file per nucleus; no split."""

from __future__ import annotations

from pathlib import Path

from nucleizoo.published.item import Item, Listing, Place

SIGN = "*/images/*.png"


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All images, by their ids."""
    items, missing = list[Item](), list[str]()
    for folder in sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] not in "._"):  # __MACOSX
        image = folder / "images" / f"{folder.name}.png"
        masks = tuple(sorted((folder / "masks").glob("[!.]*.png")))
        if not image.is_file():
            missing.append(f"{folder.name}/images/{image.name}")
            continue
        if not masks:
            missing.append(f"{folder.name}/masks/*.png")
        items.append(Item(folder.name, "train", Place(image), masks=masks))
    return Listing(tuple(items), tuple(missing))
