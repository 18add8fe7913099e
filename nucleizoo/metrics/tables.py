"""The confidences that prediction writes beside its labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import UserError


def confidence(labels: Path, pictures: Sequence[Mapping[int, int]]) -> list[NDArray[np.float64]] | None:
    """The network's confidence in every nucleus of a label file.

    Args:
        labels: `<name>_label.tif`; its table is `<name>_nuclei.csv` in the same folder.
        pictures: the nuclei of every picture of the file, number -> voxels.

    Returns:
        In [0, 1] for every nucleus of every picture, in the same order; None when there is no table, or it is
        for other pictures: for planes where `pictures` has one volume, or for volumes where it has planes.

    Raises:
        UserError: for a table that is damaged, or of other labels.
    """
    table = labels.with_name(f"{io.name_of(labels).removesuffix(io.LABEL)}_nuclei.csv")
    if not os.path.isfile(table):  # nor if its name is too long
        return None
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = {(int(row["picture"]), int(row["label"])): row for row in reader}
        sure = {place: float(row["confidence"]) for place, row in rows.items()}
        sizes = {place: int(row["voxels"]) for place, row in rows.items() if "voxels" in row}
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{table}: is damaged ({error}); predict again with --table, or remove it") from error
    if ("z" in (reader.fieldnames or ()) and len(pictures) > 1) or any(i >= len(pictures) for i, _ in sure):
        return None
    found = {(index, name): size for index, one in enumerate(pictures) for name, size in one.items()}
    if sure.keys() != found.keys() or sizes not in ({}, found):
        raise UserError(
            f"{table}: does not belong to {labels}: it has {len(sure)} nuclei, they have {len(found)}, or "
            "numbers or sizes differ; predict again with --table, or remove it"
        )
    return [np.array([sure[index, name] for name in one], float) for index, one in enumerate(pictures)]
