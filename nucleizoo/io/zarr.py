"""Zarr arrays and OME-Zarr images (0.4 and 0.5), read with the package zarr."""

from __future__ import annotations

import math
import os
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.io.chunks import Load, check_claim, grid_of, one_by_one
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.volume import guess_axes

MARKS = ("zarr.json", ".zarray", ".zgroup")
"""A folder that holds one of these files is an array or a group."""

_METADATA = (*MARKS, ".zattrs", ".zmetadata")
"""Files that describe an array or a group."""

_LARGE = 2**22
"""From this many bytes on, chunks are decoded one by one; zarr decodes about ten at a time, faster."""

_MICROMETRES = {
    "angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4,
    "meter": 1e6,
}  # fmt: skip
"""Units of length that OME-Zarr names, in micrometres."""

_LETTERS = {
    "depth": "Z", "plane": "Z", "height": "Y", "row": "Y", "width": "X", "column": "X", "col": "X",
    "channel": "C", "time": "T",
}  # fmt: skip
"""Axis letters by the full names of dimensions."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def library() -> Any:
    """The package zarr.

    Raises:
        UserError: when it is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise UserError(
            "Zarr needs the package zarr; install it with: pip install 'nucleizoo[volumes]'"
        ) from error
    return zarr


def open_array(path: Path, dataset: str, usual: str = "image") -> LazyVolume:
    """Open an array, the full resolution of an OME-Zarr image, or an array of a group by its name.

    Raises:
        ImageReadError: when there is no such array, or its axes do not fit the metadata.
        Exception: whatever zarr raises on damaged metadata.
    """
    node, axes, spacing = _found(path, dataset, usual)
    axes = axes or _axes_of(path, node)
    if len(axes) != node.ndim:
        raise ImageReadError(
            f"{path}: its metadata names {len(axes)} axes ({axes.lower()}), but its array has {node.ndim} "
            f"({'x'.join(map(str, node.shape))}); fix the metadata, or name the array with the key DATASET"
        )
    folder, dtype = path / node.path, np.dtype(node.dtype)
    load: Load = node.__getitem__
    size = math.prod(node.chunks) * dtype.itemsize
    if size >= _LARGE:
        load = one_by_one(load, node.chunks, dtype)

    def absent() -> tuple[int, list[tuple[int, ...]]]:
        key, stored = node.metadata.encode_chunk_key, node.shards or node.chunks
        count = math.prod(-(-n // c) for n, c in zip(node.shape, stored, strict=True))
        check_claim(str(folder), count, lambda: sum(len(files) for _, _, files in os.walk(folder)))
        places = [place for place in grid_of(node.shape, stored) if not _is_there(folder / key(place))]
        return len(places), places

    return LazyVolume(
        str(folder), axes, node.shape, dtype, spacing, node.chunks, load, absent,
        node.shards or (), size * _copies(node),
    )  # fmt: skip


def _axes_of(path: Path, node: Any) -> str:
    """Axes of an array from its dimension names, or guessed where these do not name axes.

    Raises:
        ImageReadError: when they cannot be guessed.
    """
    names = [str(name or "?").lower() for name in getattr(node.metadata, "dimension_names", None) or ()]
    ends = [re.split(r"[^a-z0-9?]", name)[-1] for name in names]  # axis_z, /array/z
    axes = "".join(_LETTERS.get(end, end if len(end) == 1 and end.isalpha() else "?") for end in ends).upper()
    if "?" not in axes and {*"ZYX"} & {*axes}:
        return axes  # also y, y, x, which the caller refuses
    try:
        return guess_axes(path, node.shape)
    except ImageReadError as error:
        if not names:
            raise
        raise ImageReadError(
            f"{path}: its axes are called {', '.join(names)}, {'x'.join(map(str, node.shape))}, which is "
            "ambiguous; call them z, y and x (t for time, c for channels) in dimension_names"
        ) from error


def _copies(node: Any) -> int:
    """Copies of a chunk in memory at most while it is decoded: as stored, and after every step."""
    names = " ".join(type(codec).__name__.lower() for codec in node.compressors)
    joined = 2 if "gzip" in names or "zlib" in names else 0  # from pieces
    return 2 + len(node.filters) + joined


def described_in(path: Path, dataset: str, usual: str = "image") -> list[Path]:
    """The metadata files of an array, and of the groups that contain it.

    Raises:
        ImageReadError: as for `open_array`.
    """
    node, _, _ = _found(path, dataset, usual)
    parts = Path(node.path).parts
    folders = [path.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    files = [folder / name for folder in folders for name in _METADATA]
    return [file for file in files if file.is_file()]


def _found(path: Path, dataset: str, usual: str) -> tuple[Any, str, tuple[float, ...]]:
    """An array; axes and voxel size where OME-Zarr metadata name them, else '' and ()."""
    zarr = library()
    node = zarr.open(path, mode="r")
    name, axes = dataset, ""
    spacing: tuple[float, ...] = ()
    if isinstance(node, zarr.Group):
        scales = _multiscales(path, node)
        if scales and not name:
            name, axes, spacing = _finest(path, scales[0])
        node = _array_of(path, zarr, node, name, usual)
    return node, axes, spacing


def _is_there(path: Path) -> bool:
    """Whether a chunk has a file that is not empty; zarr reads an empty shard as zeros."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _multiscales(path: Path, group: Any) -> list[Any]:
    found = dict(group.attrs.get("ome", {})).get("multiscales") or group.attrs.get("multiscales") or []
    return list(found)


def _finest(path: Path, scale: Any) -> tuple[str, str, tuple[float, ...]]:
    """Array, axes and voxel size (micrometres; z, y, x) of the full resolution."""
    try:
        first = scale["datasets"][0]
        axes = "".join(axis["name"] for axis in scale["axes"]).upper()
        units = [axis.get("unit", "micrometer") for axis in scale["axes"]]
        scales = [t["scale"] for t in first.get("coordinateTransformations", ()) if t["type"] == "scale"]
        steps = [float(n) for n in scales[0]] if scales else []
        sizes = dict(zip(axes, zip(steps, units, strict=True), strict=True)) if steps else {}
        if any(axis in sizes and sizes[axis][1] not in _MICROMETRES for axis in "ZYX"):
            sizes = {}
        spacing = tuple(sizes[a][0] * _MICROMETRES[sizes[a][1]] for a in "ZYX" if a in sizes)
        is_size = all(0 < length < math.inf for length in spacing)
        return str(first["path"]), axes, spacing if is_size else ()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ImageReadError(
            f"{path}: its OME-Zarr metadata is incomplete ({type(error).__name__}: {error}); write "
            "it again, or name an array with the key DATASET"
        ) from error


def _array_of(path: Path, zarr: Any, group: Any, name: str, usual: str) -> Any:
    names = list(group.array_keys())
    if not name and (usual in names or len(names) == 1):
        name = usual if usual in names else names[0]
    inside = not (Path(name).is_absolute() or ".." in Path(name).parts)
    item = group.get(name) if name and inside else None
    if isinstance(item, zarr.Array):
        return item
    if isinstance(item, zarr.Group):
        raise ImageReadError(f"{path}: '{name}' is a group, {_inside(item, f'{name}/')}")
    wanted = f"no array is called '{name or usual}', " if name or names else ""
    raise ImageReadError(f"{path}: {wanted}{_inside(group)}")


def _inside(group: Any, where: str = "") -> str:
    """What a group contains instead of the array, and what to do; for messages."""
    arrays, groups = (
        [where + key for key in sorted(keys)] for keys in (group.array_keys(), group.group_keys())
    )
    if arrays:
        names = _listed(arrays)
        return f"it contains {names}; name one with the key DATASET (labels: LABEL_DATASET, --dataset)"
    if groups:
        return (
            f"it contains no array, only the groups {_listed(groups)}; name an array in them with the key "
            f"DATASET (labels: LABEL_DATASET), such as {groups[0]}/NAME, or give the folder of the group"
        )
    return "the group contains no array; copy it again, or give another folder"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:10])}{', ...' * (len(names) > 10)}"
