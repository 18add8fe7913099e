"""Zarr arrays and OME-Zarr images, read with the package zarr."""

from __future__ import annotations

import itertools
import logging
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.core.said import warn_once
from nucleizoo.io.axes import axes_of
from nucleizoo.io.chunks import Load, check_claim, grid_of, one_by_one
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.ome_zarr import image_in
from nucleizoo.io.ome_zarr_axes import axes_and_spacing
from nucleizoo.io.volume import DATASET_KEY
from nucleizoo.io.zarr_folder import METADATA, codecs_of, is_zarr, type_of

log = logging.getLogger(__name__)

_LARGE = 2**22
"""From this many bytes on, chunks are decoded one by one; zarr decodes about ten at a time, faster."""


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
    node = _found(path, dataset, usual)
    axes, spacing = _described(path, node, dataset)
    folder, dtype = path / node.path, np.dtype(node.dtype)
    node.store.guard(node)
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


def _names_of(node: Any) -> list[str]:
    """Names of the axes: dimension_names of Zarr 3, or what xarray calls them in Zarr 2."""
    names = getattr(node.metadata, "dimension_names", None) or node.attrs.get("_ARRAY_DIMENSIONS") or ()
    return ["" if name is None else str(name) for name in names] if isinstance(names, list | tuple) else []


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
    array = path / _found(path, dataset, usual).path
    folders = [array, *itertools.takewhile(is_zarr, array.parents)]
    files = [folder / name for folder in reversed(folders) for name in METADATA]
    return [file for file in files if file.is_file()]


def _described(path: Path, node: Any, dataset: str) -> tuple[str, tuple[float, ...]]:
    """Axes and voxel size of an array; see `axes_and_spacing`."""
    try:
        names, spacing = axes_and_spacing(path / node.path)
    except ImageReadError as error:
        if not dataset:
            raise
        warn_once(log, str(error))
        names, spacing = [], ()
    return axes_of(str(path), names or _names_of(node), node.shape), spacing


def _found(path: Path, dataset: str, usual: str) -> Any:
    """The array that is meant.

    Raises:
        ImageReadError: when there is none, or more than one.
    """
    zarr = library()
    _check_known(path, zarr)
    from nucleizoo.io.zarr_store import GuardedStore  # needs the package

    # copies of metadata in one place (consolidated) may be older than the arrays
    node = zarr.open(GuardedStore(path), mode="r", use_consolidated=False)
    if isinstance(node, zarr.Group) and (name := dataset or usual):
        item = _member(path, node, name, zarr)
        if item is None and usual != "image":
            item = _member(path, node, f"labels/{name}", zarr)
        if item is None and dataset:
            raise ImageReadError(f"{path}: no array is called '{name}', {_inside(node)}")
        node = node if item is None else item
    if isinstance(node, zarr.Group):
        folder = path / node.path
        image = image_in(folder, usual)
        _check_known(image or folder, zarr)
        name = usual if image is None else image.relative_to(folder).as_posix()
        node = _array_of(path, zarr, node, name)
    return node


def _is_there(path: Path) -> bool:
    """Whether a chunk has a file that is not empty; zarr reads an empty shard as zeros."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _check_known(array: Path, zarr: Any) -> None:
    """Refuse codecs and types of values that are not known here; otherwise the array would look damaged."""
    import numcodecs

    old = {*numcodecs.registry.codec_registry, *numcodecs.registry.entries}
    for codec in codecs_of(array):
        try:
            if codec not in old:
                zarr.registry.get_codec_class(codec)
        except KeyError as error:
            raise ImageReadError(
                f"{array}: is stored with the codec '{codec}', which the package zarr does not find on this "
                "machine; install the package that brings it, or save it with zstd or gzip"
            ) from error
    try:
        np.dtype(type_of(array) or "u1")
    except (TypeError, ValueError) as error:
        raise ImageReadError(
            f"{array}: its values are of type '{type_of(array)}'; save it as integers or floats"
        ) from error


def _member(path: Path, group: Any, name: str, zarr: Any) -> Any:
    """The array or group of that name inside a group; None where there is none."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    _check_known(path / name, zarr)
    return group.get(name)


def _array_of(path: Path, zarr: Any, group: Any, name: str) -> Any:
    """The array of that name in a group, or the only one with more than one axis: others are scales."""
    item = group.get(name)
    if isinstance(item, zarr.Array):
        return item
    arrays = dict(group.arrays())
    pictures = [array for array in arrays.values() if array.ndim > 1] or list(arrays.values())
    if len(pictures) == 1:
        return pictures[0]
    if group.path:
        raise ImageReadError(f"{path}: '{group.path}' is a group, {_inside(group, f'{group.path}/')}")
    wanted = f"no array is called '{name}', " if arrays else ""
    raise ImageReadError(f"{path}: {wanted}{_inside(group)}")


def _inside(group: Any, where: str = "") -> str:
    """What a group contains instead of the array, and what to do; for messages."""
    arrays, groups = (
        [where + key for key in sorted(keys)] for keys in (group.array_keys(), group.group_keys())
    )
    if arrays:
        names = _listed(arrays)
        return f"it contains {names}; name one with {DATASET_KEY}"
    if groups:
        return (
            f"it contains no array, only the groups {_listed(groups)}; name an array in them with "
            f"{DATASET_KEY}, such as {groups[0]}/NAME, or give the folder of the group"
        )
    return "the group contains no array; copy it again, or give another folder"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:10])}{', ...' * (len(names) > 10)}"
