"""Files opened to be read part by part: TIFF, HDF5, NumPy and Zarr."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

from nucleizoo.core.errors import ImageReadError
from nucleizoo.volumes import _hdf5, _tiff, _zarr
from nucleizoo.volumes._lazy import Cut, LazyVolume, grid_of
from nucleizoo.volumes._parts import by_pages, contiguous
from nucleizoo.volumes._spacing import spacing_of
from nucleizoo.volumes._volume import check, guess_axes

LAZY_SUFFIXES = (".tif", ".tiff", ".h5", ".hdf5", ".npy", ".zarr")
"""Suffixes of what is read part by part; a Zarr folder may have any name."""

_UNLIMITED = 2**62

LARGE_BYTES = 2**28
"""Of files from this size on, prediction by blocks is recommended: in memory, a voxel takes some 40 bytes."""


def is_large(path: Path) -> bool:
    """Whether a file takes long to read whole, and can be read part by part."""
    return path.suffix.lower() in _OPENERS and path.stat().st_size >= LARGE_BYTES


def is_lazy(path: Path) -> bool:
    """Whether a file can be read part by part."""
    return path.suffix.lower() in LAZY_SUFFIXES or _zarr.is_zarr(path)


def open_lazily(
    path: str | Path,
    *,
    dataset: str = "",
    usual: str = "image",
    skip_damaged: bool = False,
    missing: bool = False,
) -> LazyVolume:
    """Open one array without reading it.

    Args:
        path: a file, or the folder of a Zarr array or group.
        dataset: which array of an HDF5 file or Zarr group; '' takes the one called `usual`, or the only
            one, or the full resolution of an OME-Zarr image.
        usual: see `dataset`.
        skip_damaged: whether chunks that are missing or damaged are taken for black.
        missing: whether chunks may be missing, and are empty then; they are not looked for.

    Raises:
        ImageReadError: when it is not there, damaged, cut short, not a picture, or leads to other files.
    """
    path = Path(path)
    opener = _zarr.open_array if _zarr.is_zarr(path) else _OPENERS.get(path.suffix.lower())
    if not path.exists():
        raise ImageReadError(f"{path}: there is no such file; check the path")
    if opener is None:
        raise ImageReadError(f"{path}: is not read by blocks; save it as one of {' '.join(LAZY_SUFFIXES)}")
    try:
        volume = opener(path, dataset, usual)
    except ImageReadError:
        raise
    except Exception as error:  # whatever the decoders raise on damaged files
        raise ImageReadError(
            f"{path}: cannot be opened ({type(error).__name__}: {error}); it may be damaged, cut short or of "
            "another format: copy or save it again"
        ) from error
    check(path, _UNLIMITED, volume.shape, volume.dtype)
    if "Y" not in volume.axes or "X" not in volume.axes or len(set(volume.axes)) != len(volume.shape):
        raise ImageReadError(f"{path}: its axes '{volume.axes}' are not those of a picture of {volume.shape}")
    volume.skip_damaged = skip_damaged
    if not missing:
        volume.check()
    return volume


def _open_numpy(path: Path, dataset: str, usual: str) -> LazyVolume:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    axes, shape, dtype = guess_axes(path, mapped.shape), mapped.shape, mapped.dtype
    del mapped

    def load(cut: Cut) -> Any:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False)[cut])

    return LazyVolume(str(path), axes, shape, dtype, (), _planes(axes, shape), load)


def _open_hdf5(path: Path, dataset: str, usual: str) -> LazyVolume:
    file = h5py.File(path, "r")
    data = _hdf5.dataset_of(path, file, dataset, usual)
    axes = guess_axes(path, data.shape)
    chunks = data.chunks or _planes(axes, data.shape)

    def absent() -> list[tuple[int, ...]]:
        places = list(grid_of(data.shape, chunks))
        if data.chunks is None or data.id.get_num_chunks() == len(places):
            return []
        corners = [tuple(i * n for i, n in zip(place, chunks, strict=True)) for place in places]
        offsets = (data.id.get_chunk_info_by_coord(corner).byte_offset for corner in corners)
        return [place for place, offset in zip(places, offsets, strict=True) if offset is None]

    spacing = _hdf5.spacing_of(data, axes)
    return LazyVolume(
        f"{path}:{data.name}", axes, data.shape, data.dtype, spacing, chunks, data.__getitem__, absent,
        file.close,
    )  # fmt: skip


def _open_tiff(path: Path, dataset: str, usual: str) -> LazyVolume:
    with path.open("rb") as file:
        _tiff.check_pages(path, file)
    tiff = tifffile.TiffFile(path, _multifile=False)  # stays open: planes are decoded when they are wanted
    series = _tiff.only_series(path, tiff)
    size = path.stat().st_size
    for number, page in enumerate(series.pages):
        if page is not None and any(
            o + n > size for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)
        ):
            raise ImageReadError(
                f"{path}: is cut short, page {number} lies beyond its end ({size} bytes); copy it again"
            )
    axes, letters = series.axes, set(series.axes)
    if (tiff.imagej_metadata or {}).get("spacing") and "Z" not in letters and "I" in letters:
        axes = axes.replace("I", "Z")
    if series.dataoffset is not None:
        chunks, load = _planes(axes, series.shape), contiguous(path, tiff, series)
    else:
        chunks, load = by_pages(series)
    return LazyVolume(
        str(path), axes, series.shape, np.dtype(series.dtype), spacing_of(tiff, "Z" in axes), chunks, load,
        close=tiff.close,
    )  # fmt: skip


def _planes(axes: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Chunks of one plane."""
    return tuple(n if axis in "YXS" else 1 for axis, n in zip(axes, shape, strict=True))


_OPENERS: dict[str, Callable[[Path, str, str], LazyVolume]] = {
    **dict.fromkeys((".tif", ".tiff"), _open_tiff),
    **dict.fromkeys((".h5", ".hdf5"), _open_hdf5),
    ".npy": _open_numpy,
}
