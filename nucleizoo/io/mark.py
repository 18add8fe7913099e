"""The mark of what nucleizoo wrote, by which it is known from files of others."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import tifffile

from nucleizoo.io.checksum import BLANK
from nucleizoo.io.zarr_folder import is_zarr

MARK = "nucleizoo"
"""How the field `software` begins in TIFF, PNG, HDF5 and JSON, and the generator in texts; a key in Zarr."""

FULL_MARK = MARK + BLANK
"""The mark as it is written; the checksum is filled in when the result is complete."""


def kind_of_ours(path: Path, columns: tuple[str, ...] = ()) -> str:
    """What kind of file nucleizoo wrote there, by its content and not its suffix; '' for files of others.

    Args:
        path: what exists.
        columns: the first of a CSV file, in which there is no room for another mark, and behind a '*' the
            last: with more behind them it is somebody's own.
    """
    if is_zarr(path):
        return "zarr" if MARK in _attributes(path) else ""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        begin = file.read(4096)
    if begin.startswith(_TIFF):
        return "tif" if _says(_of_tiff, path) else ""
    if begin.startswith(_HDF5):
        return "h5" if _says(_of_hdf5, path) else ""
    line = begin.partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")
    if columns and _has_columns(line.split(","), columns):
        return "csv"
    return next((kind for kind, said in _IN_WORDS.items() if said in begin), "")


def _has_columns(cells: list[str], columns: tuple[str, ...]) -> bool:
    """Whether the first line of a CSV file has these columns; see `kind_of_ours`."""
    count = columns.index("*") if "*" in columns else len(columns)
    last = columns[count + 1 :]
    return cells[:count] == [*columns[:count]] and cells[len(cells) - len(last) :] == [*last]


def is_ours(path: Path, columns: tuple[str, ...] = ()) -> bool:
    """Whether nucleizoo wrote a file or Zarr folder; see `kind_of_ours`."""
    return bool(kind_of_ours(path, columns))


def made_by(path: Path) -> str:
    """What a TIFF says of the weights that made it, see `write_image`; '' for other files."""
    said = _of_tiff(path) if kind_of_ours(path) == "tif" else ""
    return said.partition(",")[0].removeprefix(MARK).strip()


def _attributes(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"])
    except (OSError, KeyError, TypeError, ValueError):
        return {}


def _says(software: Callable[[Path], str], path: Path) -> bool:
    """Whether a file says that nucleizoo wrote it; a damaged one is not known to be ours."""
    try:
        return software(path).startswith(MARK)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error):
        return False


def _of_tiff(path: Path) -> str:
    with tifffile.TiffFile(path, _multifile=False) as file:
        return str(file.pages.first.tags["Software"].value)


def _of_hdf5(path: Path) -> str:
    with h5py.File(path, "r") as file:
        return str(file.attrs.get("software", ""))


_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HDF5 = b"\x89HDF"
_IN_WORDS = {
    "png": b"Software\0nucleizoo",
    "json": b'"software": "nucleizoo',
    "html": b'<meta name="generator" content="nucleizoo',
    "md": b"<!-- nucleizoo",
    "stl": b"STL by nucleizoo",
    "obj": b"# OBJ by nucleizoo",
    "mtl": b"# MTL by nucleizoo",
}
"""The mark at the beginning of a file, by its kind."""
