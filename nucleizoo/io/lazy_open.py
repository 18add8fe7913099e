"""Files opened to be read part by part: TIFF, HDF5, NumPy and Zarr."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import hdf5, npy, tiff, zarr
from nucleizoo.io.decoder_errors import named
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.volume import check, check_file, check_picture
from nucleizoo.io.zarr_folder import SUFFIX as ZARR
from nucleizoo.io.zarr_folder import check_mark, is_zarr

LAZY_SUFFIXES = (*tiff.SUFFIXES, *hdf5.SUFFIXES, ".npy", ZARR)
"""Suffixes of what is read part by part; a Zarr folder may have any name."""

UNLIMITED = 2**62
"""Values that may be read part by part."""

LARGE_BYTES = 2**28
"""From this file size on, prediction by blocks is recommended: in memory, a voxel takes about 40 bytes."""


def is_large(path: Path) -> bool:
    """Whether a file takes long to read whole, and can be read part by part."""
    return path.suffix.lower() in _OPENERS and path.exists() and path.stat().st_size >= LARGE_BYTES


def is_lazy(path: Path) -> bool:
    """Whether a file can be read part by part."""
    return path.suffix.lower() in LAZY_SUFFIXES or is_zarr(path)


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
    max_voxels: int = UNLIMITED,
) -> LazyVolume:
    """Open one array without reading it.

    Args:
        path: a file, or the folder of a Zarr array or group.
        dataset: which array of an HDF5 file or Zarr group; '' takes the one called `usual`, or the only
            one, or the full resolution of an OME-Zarr image.
        usual: see `dataset`.
        skip_damaged: whether chunks that are missing or damaged are treated as black.
        missing: whether chunks may be missing; they hold the fill value then, and are not looked for.
        max_voxels: refuse an array of more values than this.

    Raises:
        TooManyVoxels: when it is larger than `max_voxels`.
        ImageReadError: when it is missing, damaged, truncated, not a picture, or refers to other files.
        UserError: when the package that reads it is missing.
        OSError: for errors other than damage of the file, also MemoryError; see `check_damage`.
    """
    path = Path(path)
    opener = zarr.open_array if is_zarr(path) else _OPENERS.get(path.suffix.lower())
    if not path.exists():
        check_file(path)
    check_mark(path)
    if opener is None:
        raise ImageReadError(
            f"{path}: cannot be read by blocks; save it as one of {' '.join(LAZY_SUFFIXES)}, or predict it "
            "in memory: without --blocks and its options"
        )
    if opener is not zarr.open_array:
        check_file(path)
    with named(path), ExitStack() as until_checked:
        volume = opener(path, dataset, usual)
        until_checked.callback(volume.close)
        check_picture(path, volume.shape, volume.dtype)
        if max_voxels < UNLIMITED:
            check(path, max_voxels, volume.shape, volume.dtype, sparse=missing)
        if "Y" not in volume.axes or "X" not in volume.axes or len(set(volume.axes)) != len(volume.shape):
            raise ImageReadError(
                f"{path}: its axes '{volume.axes}' do not fit its shape {volume.shape}; save it again"
            )
        if 0 in volume.chunks:
            raise ImageReadError(f"{path}: its chunks {volume.chunks} have no voxels; save it again")
        volume.skip_damaged = skip_damaged
        if not missing:
            volume.check()
        until_checked.pop_all()
    return volume


def described_in(path: Path, dataset: str = "") -> list[Path]:
    """The files that change when a volume is replaced: its own, or the metadata of a Zarr array.

    Args:
        path: as for `open_lazily`.
        dataset: see there.

    Raises:
        ImageReadError: when there is no such array.
    """
    if not is_zarr(path):
        return [path]
    with named(path):
        return zarr.described_in(path, dataset)


_OPENERS: dict[str, Callable[[Path, str, str], LazyVolume]] = {
    **dict.fromkeys(tiff.SUFFIXES, tiff.open_array),
    **dict.fromkeys(hdf5.SUFFIXES, hdf5.open_array),
    ".npy": npy.open_array,
}
