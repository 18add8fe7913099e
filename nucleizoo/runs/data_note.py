"""The files that a training draws from, noted in its run, so that resuming notices others."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.files import atomic

FILE = "files.json"

_BEGINNING = 2**20
"""Bytes of a file that are compared, besides its size."""


def write(run: Path, files: Iterable[Path], root: Path) -> None:
    """Note files by their places below `root`, or by their names where they are elsewhere.

    Raises:
        OSError: when a file cannot be read, or the note cannot be written.
    """
    with atomic(run / FILE) as part:
        part.write_text(json.dumps(_described(files, root), indent=0) + "\n", encoding="utf-8")


def changes(run: Path, files: Iterable[Path], root: Path) -> str:
    """How files differ from those that were noted, in words; '' if they do not, or there is no note.

    Raises:
        OSError: when a file cannot be read.
    """
    try:
        known = dict(json.loads((run / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return ""
    now = _described(files, root)
    kinds = {
        "new": now.keys() - known.keys(),
        "gone": known.keys() - now.keys(),
        "other than before": {name for name in now.keys() & known.keys() if now[name] != known[name]},
    }
    return "; ".join(f"{kind}: {io.first_few(sorted(names))}" for kind, names in kinds.items() if names)


def _described(files: Iterable[Path], root: Path) -> dict[str, list[int]]:
    """Size and checksum of the beginning of every file, by its name."""
    places = sorted({file.resolve() for file in files})
    base = root.resolve()
    return {
        (str(place.relative_to(base)) if place.is_relative_to(base) else place.name): _content(place)
        for place in places
    }


def _content(path: Path) -> list[int]:
    if path.is_dir():  # Zarr
        parts = (path / mark for mark in ("zarr.json", ".zarray", ".zgroup", ".zattrs"))
        held = b"".join(part.read_bytes() for part in parts if part.is_file())
        return [len(held), zlib.crc32(held)]
    with path.open("rb") as file:
        return [path.stat().st_size, zlib.crc32(file.read(_BEGINNING))]
