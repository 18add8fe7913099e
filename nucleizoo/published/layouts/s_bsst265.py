"""S-BSST265 (Kromp 2020): `image_description.csv`, `rawimages/*.tif` and `groundtruth/*.tif`."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.published.item import SPLITS, Item, Listing, Place

SIGN = "image_description.csv"

_NAME, _SPLIT, _MAGNIFICATION = "Image_Name", "Train-/Testset split", "Magnification"

_NOMINAL = 10.0
"""Micrometres per pixel at magnification 1; 0.5 at 20x. The set has no pixel sizes; ratios are right."""


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All images in the description, which gives their split and magnification.

    Raises:
        UserError: for a description that is not UTF-8, or lacks columns or values.
    """
    items, missing = list[Item](), list[str]()
    for row in _rows(root / SIGN):
        image, label = (root / folder / f"{row[_NAME]}.tif" for folder in ("rawimages", "groundtruth"))
        missing += [f"{file.parent.name}/{file.name}" for file in (image, label) if not file.is_file()]
        if image.is_file():
            place = Place(label) if label.is_file() else None
            size = _NOMINAL / _magnification(root / SIGN, row)
            items.append(Item(row[_NAME], row[_SPLIT], Place(image), place, spacing=(size, size)))
    return Listing(tuple(items), tuple(missing))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [
                {key: (value or "").strip() for key, value in row.items() if key}
                for row in csv.DictReader(file, delimiter=";")
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is not a UTF-8 table ({error}); unpack the original file again") from error
    rows = [row for row in cells if any(row.values())]  # spreadsheets leave ';;;;' at the end
    for row in rows:
        if not {_NAME, _SPLIT, _MAGNIFICATION} <= set(row) or row[_SPLIT] not in SPLITS:
            raise UserError(
                f"{path}: must have the columns {_NAME}, {_SPLIT} (train or test) and {_MAGNIFICATION}, "
                f"separated by semicolons; got {row}; unpack the original file again"
            )
        if Path(row[_NAME]).name != row[_NAME]:
            raise UserError(f"{path}: '{row[_NAME]}' is not an image name; unpack the original file again")
    return rows


def _magnification(path: Path, row: Mapping[str, str]) -> float:
    """The number in a value such as '20x'."""
    number = re.match(r"\d+(\.\d+)?", row[_MAGNIFICATION])
    if not number or float(number[0]) == 0:
        raise UserError(f"{path}: '{row[_MAGNIFICATION]}' of {row[_NAME]} is not a magnification such as 20x")
    return float(number[0])
