"""What all figures share: their folder, colours and format."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nucleizoo import io
from nucleizoo.core.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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


def counted(count: int) -> str:
    """'1 nucleus', '2 nuclei'."""
    return "1 nucleus" if count == 1 else f"{count} nuclei"


def sheet(width: float, height: float) -> Figure:
    """An empty figure, its size in inches; it needs no screen and no state of pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def scale_bar(place: Axes, edge: float, unit: str, size: tuple[int, ...]) -> None:
    """Draw a bar of 1, 2 or 5 times a power of ten units into the lower left corner of a picture.

    Args:
        place: with a picture of (rows, columns) `size` at its upper left.
        edge: of a pixel.
        unit: of the edge, such as 'um'.
        size: see `place`.
    """
    from matplotlib.patheffects import withStroke

    most = 0.35 * size[1] * edge
    ten = 10 ** math.floor(math.log10(most))
    length = max(times * ten for times in (1, 2, 5) if times * ten <= most)
    place.autoscale(False)
    left, bottom = 0.04 * size[1], size[0] - 0.04 * size[1]
    rim = [withStroke(linewidth=4, foreground="black")]
    place.plot([left, left + length / edge], [bottom, bottom], color="white", lw=2, path_effects=rim)
    place.text(
        left, bottom - 0.02 * size[1], f"{length:g} {unit}",
        color="white", fontsize=8, va="bottom", path_effects=[withStroke(linewidth=2, foreground="black")],
    )  # fmt: skip


def write(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG of 150 dots per inch."""
    with io.replacing(path, "png") as part:
        figure.savefig(part, format="png", dpi=150, metadata={"Software": io.FULL_MARK})
    return path
