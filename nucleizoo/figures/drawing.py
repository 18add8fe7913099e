"""What all figures share: their folder, colours and format."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nucleizoo import io
from nucleizoo.core.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
"""Okabe and Ito's colours, which colour-blind readers can distinguish; markers differ as well."""
MARKERS = ("o", "^", "s", "D", "v")


def prepare(out: str | Path, name: str, tables: Mapping[str, tuple[str, ...]]) -> Path:
    """Create the folder for a figure if it is missing; to be called before any work is done.

    Args:
        out: the folder.
        name: of the figure, without .png.
        tables: the first columns of its tables, by their names without .csv.

    Raises:
        ForeignFileError: when it has a file of one of these names that nucleizoo did not write.
        UserError: when it cannot be written to, or the libraries that draw are not installed.
        OSError: when it cannot be made.
    """
    if missing := [name for name in ("matplotlib", "sklearn") if importlib.util.find_spec(name) is None]:
        raise UserError(f"figures need {' and '.join(missing)}: pip install 'nucleizoo[figures]'")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder} cannot be written to; give another --out, or change its permissions")
    io.check_replaceable(folder / f"{name}.png", "png")
    for table, columns in tables.items():
        io.check_replaceable(folder / f"{table}.csv", "csv", columns)
    return folder


def sheet(width: float, height: float) -> Figure:
    """An empty figure, its size in inches; it needs no screen and no state of pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def write(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG of 150 dots per inch."""
    with io.replacing(path, "png") as part:
        figure.savefig(part, format="png", dpi=150, metadata={"Software": io.MARK})
    return path
