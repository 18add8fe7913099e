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
"""Micrometres a pixel at magnification 1; 0.5 at 20x. The set names no pixel sizes; true in proportion."""


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All images of the description, which names their split and their magnification.

    Raises:
        UserError: for a description that is not in UTF-8, or without the columns or values that are needed.
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
        raise UserError(f"{path}: is no table in UTF-8 ({error}); unpack the set's own file again") from error
    rows = [row for row in cells if any(row.values())]  # spreadsheets leave ';;;;' at the end
    for row in rows:
        if not {_NAME, _SPLIT, _MAGNIFICATION} <= set(row) or row[_SPLIT] not in SPLITS:
            raise UserError(
                f"{path}: wants the columns {_NAME}, {_SPLIT} (train or test) and {_MAGNIFICATION}, apart by "
                f"semicolons; has {row}; unpack the set's own file again"
            )
        if Path(row[_NAME]).name != row[_NAME]:
            raise UserError(f"{path}: '{row[_NAME]}' is no name of an image; unpack the set's own file again")
    return rows


def _magnification(path: Path, row: Mapping[str, str]) -> float:
    """A number such as that of '20x'."""
    number = re.match(r"\d+(\.\d+)?", row[_MAGNIFICATION])
    if not number or float(number[0]) == 0:
        raise UserError(f"{path}: '{row[_MAGNIFICATION]}' of {row[_NAME]} is no magnification such as 20x")
    return float(number[0])
