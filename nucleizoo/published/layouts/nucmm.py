"""NucMM: `Image/train/img_z_y_x.h5` and `Label/train/seg_z_y_x.h5`, dataset 'main'; the same in `val`."""

from __future__ import annotations

from pathlib import Path

from nucleizoo.published.item import Item, Listing, Place
from nucleizoo.published.layouts.words import pictures

SIGN = "Image/*/img_*.h5"

_DATASET = "main"
_FOLDERS = {"train": "train", "val": "test"}


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All cubes, called by folder and place, such as 'train_0_576_768'; 'val' is for testing.

    Raises:
        UserError: asks about pictures that are called like labels.
    """
    items, missing = list[Item](), list[str]()
    for folder, split in _FOLDERS.items():
        images = pictures((root / "Image" / folder).glob("img_*.h5"), root)
        if not images:
            missing.append(f"Image/{folder}/img_*.h5")
        for image in images:
            label = root / "Label" / folder / image.name.replace("img_", "seg_")
            if not label.is_file():
                missing.append(str(label.relative_to(root)))
            place = Place(label, _DATASET) if label.is_file() else None
            name = image.stem.replace("img", folder, 1)
            items.append(Item(name, split, Place(image, _DATASET), place))
    return Listing(tuple(items), tuple(missing))
