"""Zarr arrays and OME-Zarr images (0.4 and 0.5), by the package zarr."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.volumes._lazy import LazyVolume, grid_of
from nucleizoo.volumes._volume import guess_axes

MARKS = ("zarr.json", ".zarray", ".zgroup")
"""One of these files makes a folder an array or a group."""

_MANY = 1_000_000
"""Chunks that are looked for one by one, however few of them are there."""

_MICROMETRES = {
    "angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4,
    "meter": 1e6,
}  # fmt: skip
"""Units of length that OME-Zarr names, in micrometres."""


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
        ImageReadError: when there is no such array, or its axes are not those that the metadata names.
        Exception: whatever zarr raises on damaged metadata.
    """
    zarr = library()
    node = zarr.open(path, mode="r")
    axes, name = "", dataset
    spacing: tuple[float, ...] = ()
    if isinstance(node, zarr.Group):
        scales = _multiscales(path, node)
        if scales and not name:
            name, axes, spacing = _finest(path, scales[0])
        node = _array_of(path, zarr, node, name, usual)
    names = getattr(node.metadata, "dimension_names", None)
    if not axes and names and all(names):
        axes = "".join(str(one)[-1].upper() for one in names)
    axes = axes or guess_axes(path, node.shape)
    if len(axes) != node.ndim:
        raise ImageReadError(
            f"{path}: its metadata names {len(axes)} axes ({axes.lower()}), its array has {node.ndim} "
            f"({'x'.join(map(str, node.shape))}); mend the metadata, or name the array with the key DATASET"
        )
    stored = node.shards or node.chunks
    folder = path / node.path if node.path else path

    def absent() -> list[tuple[int, ...]]:
        key = node.metadata.encode_chunk_key
        _check_claim(folder, math.prod(-(-n // c) for n, c in zip(node.shape, stored, strict=True)))
        return [place for place in grid_of(node.shape, stored) if not (folder / key(place)).is_file()]

    return LazyVolume(
        str(folder), axes, node.shape, np.dtype(node.dtype), spacing, stored, node.__getitem__, absent
    )


def _check_claim(folder: Path, chunks: int) -> None:
    """Refuse metadata by which there are so many chunks that looking for each would not end.

    Raises:
        ImageReadError: when they are many, and hardly any is there.
    """
    if chunks <= _MANY:
        return
    there = sum(len(files) for _, _, files in os.walk(folder))
    if there < chunks / 10:
        raise ImageReadError(
            f"{folder}: should have {chunks} chunks by its metadata, and has no more than {there}; mend the "
            "metadata or copy it again, or, if all others are empty, allow it with the key EMPTY_CHUNKS"
        )


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
        return str(first["path"]), axes, spacing
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ImageReadError(
            f"{path}: its OME-Zarr metadata are incomplete ({type(error).__name__}: {error}); write it "
            "again, or name an array with the key DATASET"
        ) from error


def _array_of(path: Path, zarr: Any, group: Any, name: str, usual: str) -> Any:
    names = [key for key, _ in group.arrays()]
    if not name:
        name = usual if usual in names else names[0] if len(names) == 1 else ""
    inside = not (Path(name).is_absolute() or ".." in Path(name).parts)
    item = group.get(name) if name and inside else None
    if not isinstance(item, zarr.Array):
        there = f"there is {', '.join(names[:10])}" if names else "the group holds no array"
        wanted = f"no array is called '{name}'" if name else "which array is meant is open"
        raise ImageReadError(
            f"{path}: {wanted}, {there}; name one with the key DATASET (labels: LABEL_DATASET), or another "
            "folder"
        )
    return item
