"""The list of items that `nucleizoo data arrange` writes beside images and labels: set and split of each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nucleizoo.core.csv_text import csv_text
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import write_texts

ITEMS = "items.csv"
"""The name of the file."""


@dataclass(frozen=True)
class Listed:
    """One item.

    Attributes:
        name: of its files.
        dataset: the set that it belongs to; '' if it has no name.
        split: 'train' or 'test'.
    """

    name: str
    dataset: str
    split: str


def write_items(folder: Path, items: Sequence[Listed]) -> None:
    """Write the list into a folder of images and labels.

    Raises:
        OSError: when the disk is full.
    """
    write_texts({folder / ITEMS: csv_text([vars(item) for item in items])})


def read_items(folder: Path) -> dict[str, Listed]:
    """The items of a folder, by name; none where there is no list.

    Raises:
        UserError: for a list that is damaged.
    """
    path = folder / ITEMS
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            listed = [Listed(row["name"], row["dataset"], row["split"]) for row in csv.DictReader(file)]
    except (KeyError, ValueError, csv.Error) as error:
        raise UserError(
            f"{path}: is damaged ({error}); write the folder anew with nucleizoo data arrange"
        ) from error
    return {item.name: item for item in listed}
