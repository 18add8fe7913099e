"""What all figures share: their folder, colours and format."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
"""Okabe and Ito's colours, which colour-blind readers can distinguish; markers differ as well."""
MARKERS = ("o", "^", "s", "D", "v")


def prepare(out: str | Path) -> Path:
    """Create the folder for a figure if it is missing; to be called before any work is done.

    Raises:
        UserError: when it cannot be written to, or the libraries that draw are not installed.
        OSError: when it cannot be made.
    """
    if missing := [name for name in ("matplotlib", "sklearn") if importlib.util.find_spec(name) is None]:
        raise UserError(f"figures need {' and '.join(missing)}: pip install 'nucleizoo[figures]'")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder} cannot be written to; give another --out, or change its permissions")
    return folder


def sheet(width: float, height: float) -> Figure:
    """An empty figure, its size in inches; it needs no screen and no state of pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def write(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG of 150 dots per inch."""
    with atomic(path) as part:
        figure.savefig(part, format="png", dpi=150)
    return path
