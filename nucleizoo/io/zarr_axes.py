"""Axes of an array by the names that Zarr gives its dimensions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.volume import guess_axes

_LETTERS = {
    "depth": "Z", "plane": "Z", "height": "Y", "row": "Y", "width": "X", "column": "X", "col": "X",
    "channel": "C", "time": "T",
}  # fmt: skip
"""Axes by the names that dimensions have in full."""


def axes_of(path: Path, node: Any) -> str:
    """Axes of an array by the names of its dimensions, or guessed where these are not those of axes.

    Raises:
        ImageReadError: when they cannot be guessed.
    """
    names = [str(name or "?").lower() for name in getattr(node.metadata, "dimension_names", None) or ()]
    ends = [re.split(r"[^a-z0-9?]", name)[-1] for name in names]  # axis_z, /array/z
    axes = "".join(_LETTERS.get(end, end if len(end) == 1 and end.isalpha() else "?") for end in ends).upper()
    if "?" not in axes and {*"ZYX"} & {*axes}:
        return axes  # also y, y, x, which whoever opens it refuses
    try:
        return guess_axes(path, node.shape)
    except ImageReadError as error:
        if not names:
            raise
        raise ImageReadError(
            f"{path}: its axes are called {', '.join(names)}, {'x'.join(map(str, node.shape))}, which does "
            "not tell what they are; call them z, y and x (t for time, c for channels) in dimension_names"
        ) from error
