"""Files opened to be read part by part: TIFF, HDF5, NumPy and Zarr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.io import hdf5, tiff, zarr
from nucleizoo.io.chunks import Cut
from nucleizoo.io.lazy_volume import LazyVolume, check_damage
from nucleizoo.io.volume import check_picture, guess_axes

LAZY_SUFFIXES = (*tiff.SUFFIXES, ".h5", ".hdf5", ".npy", ".zarr")
"""Suffixes of what is read part by part; a Zarr folder may have any name."""

LARGE_BYTES = 2**28
"""From this file size on, prediction by blocks is recommended: in memory, a voxel takes about 40 bytes."""


def is_large(path: Path) -> bool:
    """Whether a file takes long to read whole, and can be read part by part."""
    return path.suffix.lower() in _OPENERS and path.stat().st_size >= LARGE_BYTES


def is_lazy(path: Path) -> bool:
    """Whether a file can be read part by part."""
    return path.suffix.lower() in LAZY_SUFFIXES or zarr.is_zarr(path)


def dims_of(path: Path, *, dataset: str = "") -> int:
    """Axes of space in a file: 3 for a volume, 2 for images and stacks of them, also of unknown kind.

    Args:
        path: of the file.
        dataset: see `open_lazily`.

    Raises:
        ImageReadError: when the file cannot be read.
    """
    if not is_lazy(path):
        return 2
    with closing(open_lazily(path, dataset=dataset, missing=True)) as volume:
        return 3 if "Z" in volume.axes and volume.shape[volume.axes.index("Z")] > 1 else 2


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
        skip_damaged: whether chunks that are missing or damaged are treated as black.
        missing: whether chunks may be missing; they hold the fill value then, and are not looked for.

    Raises:
        ImageReadError: when it is missing, damaged, truncated, not a picture, or refers to other files.
        UserError: when the package that reads it is missing.
        OSError: for errors other than damage of the file, also MemoryError; see `check_damage`.
    """
    path = Path(path)
    opener = zarr.open_array if zarr.is_zarr(path) else _OPENERS.get(path.suffix.lower())
    if not path.exists():
        raise ImageReadError(f"{path}: there is no such file; check the path")
    if opener is None:
        raise ImageReadError(f"{path}: cannot be read by blocks; save it as one of {' '.join(LAZY_SUFFIXES)}")
    with _readable(path):
        volume = opener(path, dataset, usual)
        check_picture(path, volume.shape, volume.dtype)
        if "Y" not in volume.axes or "X" not in volume.axes or len(set(volume.axes)) != len(volume.shape):
            raise ImageReadError(
                f"{path}: its axes '{volume.axes}' do not fit its shape {volume.shape}; save it again"
            )
        if 0 in volume.chunks:
            raise ImageReadError(f"{path}: its chunks {volume.chunks} have no voxels; save it again")
        volume.skip_damaged = skip_damaged
        if not missing:
            volume.check()
    return volume


def described_in(path: Path, dataset: str = "") -> list[Path]:
    """The files that change when a volume is replaced: its own, or the metadata of a Zarr array.

    Args:
        path: as for `open_lazily`.
        dataset: see there.

    Raises:
        ImageReadError: when there is no such array.
    """
    if not zarr.is_zarr(path):
        return [path]
    with _readable(path):
        return zarr.described_in(path, dataset)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file in whatever the decoders raise on damaged files."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        check_damage(error, str(path))
        raise ImageReadError(
            f"{path}: cannot be opened ({type(error).__name__}: {error}); it may be damaged, truncated or in "
            "another format: copy or save it again"
        ) from error


def _open_numpy(path: Path, dataset: str, usual: str) -> LazyVolume:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    axes, shape, dtype = guess_axes(path, mapped.shape), mapped.shape, mapped.dtype
    del mapped

    def load(cut: Cut) -> Any:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False)[cut])

    return LazyVolume(str(path), axes, shape, dtype, (), _planes(axes, shape), load)


def _open_hdf5(path: Path, dataset: str, usual: str) -> LazyVolume:
    file = h5py.File(path, "r")
    data = hdf5.dataset_of(path, file, dataset, usual)
    axes = guess_axes(path, data.shape)
    chunks = data.chunks or _planes(axes, data.shape)

    name = f"{path}:{data.name}"
    spacing = hdf5.spacing_of(data, axes)
    return LazyVolume(
        name, axes, data.shape, data.dtype, spacing, chunks, data.__getitem__,
        lambda: hdf5.absent(name, data, chunks), decoding=hdf5.decoding(data), close=file.close,
    )  # fmt: skip


def _planes(axes: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Chunks of one plane."""
    return tuple(n if axis in "YXS" else 1 for axis, n in zip(axes, shape, strict=True))


_OPENERS: dict[str, Callable[[Path, str, str], LazyVolume]] = {
    **dict.fromkeys(tiff.SUFFIXES, tiff.open_array),
    **dict.fromkeys((".h5", ".hdf5"), _open_hdf5),
    ".npy": _open_numpy,
}
