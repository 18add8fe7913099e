"""What the axes of an array are: by the names in its file or, where that is silent, by its shape."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once
from nucleizoo.io.assumptions import assume
from nucleizoo.io.volume import SPATIAL

log = logging.getLogger(__name__)

_LETTERS = {
    **dict.fromkeys(("depth", "plane", "planes", "slice", "slices", "section"), "Z"),
    **dict.fromkeys(("height", "row", "rows"), "Y"),
    **dict.fromkeys(("width", "column", "columns", "col", "cols"), "X"),
    **dict.fromkeys(("channel", "channels", "ch", "colour", "color", "band", "bands", "wavelength"), "C"),
    **dict.fromkeys(("time", "timepoint", "frame", "frames"), "T"),
}
"""Axis letters by the full names of dimensions."""

_WORDS = {"Z": "z", "Y": "y", "X": "x", "C": "channel", "S": "channel"}


def axes_of(name: str, names: Sequence[str], shape: tuple[int, ...]) -> str:
    """One letter per axis, from the names of the dimensions or, where these tell too little, from the shape.

    Args:
        name: of the file, for messages.
        names: one per axis, '' for one without a name; empty when the file has none.
        shape: of the array.

    Raises:
        ImageReadError: when neither tells, or they contradict each other.
    """
    if len(names) not in (0, len(shape)):
        warn_once(log, f"{name}: names {len(names)} axes ({', '.join(names)}), but its array has "
                       f"{len(shape)}; the names are not used")  # fmt: skip
        names = ()
    letters = "".join(map(letter_of, names))
    if letters and "?" not in letters and {*SPATIAL} & {*letters}:
        return letters  # also y, y, x, which the caller refuses
    if completed := _completed(letters):
        words = ", ".join("time" if letter == "T" else _WORDS[letter] for letter in completed)
        assume(name, f"does not name all of its axes; they are taken for {words}")
        return completed
    guessed = _guessed(shape)
    told = letters if {*SPATIAL} & {*letters} else ""
    pairs = zip(told, guessed.replace("S", "C"), strict=False)
    if not guessed or any(letter in "ZYXC" and letter != guess for letter, guess in pairs):
        called = f" called {', '.join(one or '(no name)' for one in names)}" if any(names) else ""
        raise ImageReadError(
            f"{name}: has {len(shape)} axes{called} ({'x'.join(map(str, shape)) or 'one number'}), which is "
            "ambiguous; name them z, y and x (t for time, c for channels: dimension_names in Zarr, dimension "
            "labels in HDF5), or save one picture (y, x) or volume (z, y, x), with channels last"
        )
    if guessed != "YX":
        assume(
            name, f"does not name its axes; they are taken for {', '.join(map(_WORDS.__getitem__, guessed))}"
        )
    return guessed


def letter_of(name: str) -> str:
    """The letter of an axis by its name, such as 'z', 'Depth', 'axis_z' or '/array/z'; '?' for another."""
    end = re.split(r"[^a-z0-9]", name.lower())[-1]
    return _LETTERS.get(end, end.upper() if len(end) == 1 and end.isalpha() else "?")


def _completed(letters: str) -> str:
    """TYX for T??: axes of space in order, where the file names only the others; '' where it does not."""
    space = letters.count("?")
    if space not in (2, 3) or not {*letters} <= {*"CT?"} or letters == "?" * space:
        return ""
    rest = iter(SPATIAL[-space:])
    return "".join(next(rest) if letter == "?" else letter for letter in letters)


def _guessed(shape: tuple[int, ...]) -> str:
    """YX or ZYX, and up to 4 channels last, of which three are colours; '' for any other number of axes."""
    channels = shape[-1] if len(shape) > 2 and shape[-1] <= 4 < min(shape[-3:-1]) else 0
    space = len(shape) - bool(channels)
    return SPATIAL[-space:] + ("S" if channels == 3 else "C" * bool(channels)) if space in (2, 3) else ""
