"""The confidences that prediction writes beside its labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import UserError

COLUMNS = ("picture", "label", "confidence")


def confidence(labels: Path, pictures: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float64]] | None:
    """The network's confidence in every nucleus of a label file.

    Args:
        labels: `<name>_label.tif`; its table is `<name>_nuclei.csv` in the same folder.
        pictures: (P,) the nuclei of every picture of the file, by their numbers.

    Returns:
        (P,) in [0, 1] for every picture; None when there is no table, or it is for other pictures: for
        planes where `pictures` has one volume, or for volumes where it has planes.

    Raises:
        UserError: for a table that is damaged, or of other labels.
    """
    table = labels.with_name(f"{io.name_of(labels).removesuffix(io.LABEL)}_nuclei.csv")
    if not os.path.isfile(table):  # nor if its name is too long
        return None
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            read = [tuple(float(row[key]) for key in COLUMNS) for row in reader]
        of_volumes = "z" in (reader.fieldnames or ())
        if (of_volumes and len(pictures) > 1) or any(picture >= len(pictures) for picture, _, _ in read):
            return None
        sure = {(int(picture), int(label)): one for picture, label, one in read}
        return [
            np.array([sure[index, int(name)] for name in names], float)
            for index, names in enumerate(pictures)
        ]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise UserError(
            f"{table} does not belong to {labels}, or is damaged ({error}); predict again with --table, or "
            "remove it"
        ) from error
