"""A Zarr folder as files: the marks of an array or group, and what its metadata files say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nucleizoo.core.errors import ImageReadError

SUFFIX = ".zarr"
"""How Zarr folders are called, though they may have any name."""

MARKS = ("zarr.json", ".zarray", ".zgroup")
"""A folder that holds one of these files is an array or a group."""

ATTRIBUTES = ".zattrs"
"""The file of the attributes of an array or group of Zarr 2."""

_REST = (ATTRIBUTES, ".zmetadata")
"""Files that only Zarr folders have, but that make none."""

METADATA = (*MARKS, *_REST)
"""Files that describe an array or a group."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def is_former_zarr(path: Path) -> bool:
    """Whether something is called a Zarr folder, or looks like one, but has lost its mark."""
    has_rest = path.is_dir() and any((path / name).is_file() for name in _REST)
    return path.exists() and (path.suffix.lower() == SUFFIX or has_rest) and not is_zarr(path)


def check_mark(path: Path) -> None:
    """Refuse a Zarr folder that has lost its mark.

    Raises:
        ImageReadError: naming it.
    """
    if is_former_zarr(path):
        what = f"has no {' or '.join(MARKS)}; copy it again" if path.is_dir() else "is a file; unpack it"
        raise ImageReadError(f"{path}: is not a Zarr folder, it {what}")


def attributes_of(folder: Path) -> Mapping[str, Any]:
    """The attributes of an array or group, of which OME-Zarr 0.5 puts its own into one called 'ome'."""
    told = _json(folder / "zarr.json").get("attributes") or _attributes_file(folder / ATTRIBUTES)
    own = told.get("ome") if isinstance(told, dict) else None
    return {**told, **own} if isinstance(own, dict) else told if isinstance(told, dict) else {}


def shape_of(array: Path) -> tuple[int, ...]:
    """The shape of an array; () for a group."""
    return tuple(_array_metadata(array).get("shape") or ())


def type_of(array: Path) -> Any:
    """The type of an array's values, as its metadata spell it."""
    told = _array_metadata(array)
    return told.get("data_type", told.get("dtype"))


def codecs_of(array: Path) -> list[str]:
    """The names of all steps that a chunk is encoded in, those within shards included."""
    told = _array_metadata(array)
    return list(_names(told.get("codecs") or [*(told.get("filters") or ()), told.get("compressor")]))


def _names(codecs: Any) -> Iterator[str]:
    for codec in filter(lambda one: isinstance(one, dict), codecs):
        yield str(codec.get("name", codec.get("id")))
        yield from _names((codec.get("configuration") or {}).get("codecs") or ())


def _array_metadata(array: Path) -> dict[str, Any]:
    return _json(array / "zarr.json") or _json(array / ".zarray")


def _attributes_file(file: Path) -> dict[str, Any]:
    return _json(file) if is_json(file.read_bytes() if file.is_file() else b"{}") else {}


def is_json(content: bytes) -> bool:
    """Whether a file holds JSON."""
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _json(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_bytes()) if file.is_file() else {}
    return found if isinstance(found, dict) else {}
