"""The confidences that prediction writes beside its labels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError

COLUMNS = ("picture", "label", "confidence")


def confidence(
    labels: Path, names: NDArray[np.int64], offsets: Sequence[int] = (0,)
) -> NDArray[np.float64] | None:
    """How sure the network is of every nucleus of a label file.

    Args:
        labels: `<name>_label.tif`; its table is `<name>_nuclei.csv` in the same folder.
        names: (P,) the nuclei, by their numbers.
        offsets: what was added to the numbers of every picture of the file.

    Returns:
        (P,) in [0, 1]; None when there is no table, or it has more pictures than `offsets`, which means that
        nuclei of several pictures are taken for one.

    Raises:
        UserError: for a table that is damaged, or of other labels.
    """
    table = labels.with_name(f"{labels.stem.removesuffix('_label')}_nuclei.csv")
    if not table.is_file():
        return None
    try:
        with table.open(newline="") as file:
            read = [tuple(float(row[key]) for key in COLUMNS) for row in csv.DictReader(file)]
        if any(picture >= len(offsets) for picture, _, _ in read):
            return None
        sure = {int(label) + offsets[int(picture)]: one for picture, label, one in read}
        return np.array([sure[int(name)] for name in names], float)
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{table} does not belong to {labels}, or is damaged ({error}); predict again with --table, or "
            "remove it"
        ) from error
