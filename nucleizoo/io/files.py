"""Find image files, and read one as a whole."""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import hdf5, tiff, zarr
from nucleizoo.io.lazy_open import open_lazily
from nucleizoo.io.lazy_volume import LazyVolume, check_damage
from nucleizoo.io.volume import MAX_VOXELS, Check, Volume, check, from_array, guess_axes

_HDF5_SUFFIXES = (".h5", ".hdf5")

_AS_COLOUR = ("P", "PA", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")
_AS_GREY = ("LA", "La")


def read(
    path: str | Path,
    *,
    dataset: str = "",
    usual: str = "image",
    max_voxels: int = MAX_VOXELS,
    missing: bool = False,
) -> Volume:
    """Read one image file, or Zarr folder, whole.

    Colour comes as channels without alpha; TIFF palettes are not applied, since in microscopy they
    are for display and the stored values are the intensities (or the label ids). Where a TIFF says
    WhiteIsZero, its values are turned over, those of labels only where they have one bit.

    Args:
        path: a file with one of `IMAGE_SUFFIXES`, or the folder of a Zarr array or group.
        dataset: which dataset of an HDF5 file or Zarr group; '' takes the one called `usual`, or the
            only one.
        usual: see `dataset`.
        max_voxels: refuse files that declare more values than this, before they are decoded.
        missing: whether chunks of a Zarr array, or planes of a TIFF, may be missing; they hold the fill
            value then, or 0.

    Returns:
        Values, axes and voxel size as the file gives them.

    Raises:
        TooManyVoxels: when it is larger than `max_voxels`, or unpacks to far more bytes than it holds.
        OSError: for errors other than damage, also MemoryError and ImportError; see `check_damage`.
        ImageReadError: when the file is missing, damaged, truncated, not a picture, or refers to other
            files.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if not path.exists():
        raise ImageReadError(f"{path}: there is no such file; check the path")
    if zarr.is_zarr(path):
        return _by_parts(path, dataset, usual, max_voxels, missing)
    if not path.is_file():
        raise ImageReadError(f"{path}: is a folder or device, not a file; name one image file")
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise ImageReadError(
            f"{path}: '{path.suffix}' files are not supported; save it as one of {' '.join(IMAGE_SUFFIXES)}"
        )
    if path.stat().st_size == 0:
        raise ImageReadError(f"{path}: is an empty file (0 bytes); copy it again or remove it")
    if reader is None:
        return _by_parts(path, dataset, usual, max_voxels, missing)
    allowed = partial(check, path, max_voxels)
    try:
        if path.suffix.lower() in _HDF5_SUFFIXES:
            return hdf5.read(path, allowed, dataset, usual)
        return reader(path, allowed)
    except ImageReadError:
        raise
    except Exception as error:  # the decoders raise anything from KeyError to zlib.error on damaged files
        check_damage(error, str(path))
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ImageReadError(
            f"{path}: cannot be read as {path.suffix} ({path.stat().st_size} bytes): {reason}; "
            "it may be damaged, truncated or in another format: copy or save it again"
        ) from error


def find(path: str | Path) -> list[Path]:
    """The image files and Zarr folders that a path names, in natural order: t2 before t10.

    Args:
        path: a folder (its own files, not those of folders in it), a file, or a pattern with * ? [],
            where ** includes subfolders. A Zarr folder counts as a file.

    Returns:
        At least one; hidden files and those with other suffixes are left out.

    Raises:
        ImageReadError: when there is none, or one is a broken link.
    """
    path = Path(path)
    if path.is_file() or zarr.is_zarr(path):
        return [path]
    if path.is_dir() and path.suffix.lower() == ".zarr":
        raise ImageReadError(
            f"{path}: is not a Zarr folder, it has no {' or '.join(zarr.MARKS)}; copy it again"
        )
    candidates = list(path.iterdir()) if path.is_dir() else _matches(path)
    shown = [f for f in candidates if f.name[0] != "."]
    pictures = [f for f in shown if f.suffix.lower() in IMAGE_SUFFIXES]
    for link in pictures:
        if link.is_symlink() and not link.exists():
            raise ImageReadError(
                f"{link}: is a broken link (to {os.readlink(link)}); restore its file, or remove it"
            )
    files = [f for f in pictures if f.is_file()] + [f for f in shown if zarr.is_zarr(f)]
    if not files:
        if not path.exists() and not glob.has_magic(str(path)):
            raise ImageReadError(f"{path}: there is no such file or folder; check the path")
        what = "the folder holds" if path.is_dir() else "there is"
        raise ImageReadError(f"{path}: {what} no image file; looked for {' '.join(IMAGE_SUFFIXES)} and Zarr")
    return sorted(files, key=_natural)


def _matches(pattern: Path) -> list[Path]:
    """Files that match a pattern, each once, even if linked folders lead there twice."""
    folder = next(parent for parent in pattern.parents if parent.exists())  # its name may hold * ? [ ] too
    names = glob.glob(str(pattern.relative_to(folder)), root_dir=folder, recursive=True)
    found: dict[tuple[str, str], Path] = {}
    for file in sorted((folder / name for name in names), key=lambda file: len(file.parts)):
        found.setdefault((os.path.realpath(file.parent), file.name), file)
    return list(found.values())


def _natural(path: Path) -> list[str | int]:
    parts = re.split(r"(\d+)", str(path))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _read_numpy(path: Path, allowed: Check) -> Volume:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    allowed(mapped.shape, mapped.dtype)
    return from_array(np.array(mapped), guess_axes(path, mapped.shape))


def _read_bitmap(path: Path, allowed: Check) -> Volume:
    """PNG, JPEG and BMP: palettes become colours, alpha is dropped, the resolution is ignored.

    Raises:
        ValueError: for a PNG of 16 bits in several channels, which Pillow would cut to 8.
        Exception: whatever Pillow raises on a damaged file, and its bomb warning.
    """
    _refuse_deep_colour(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=("PNG", "JPEG", "BMP")) as picture:
            colour, grey = picture.mode in _AS_COLOUR, picture.mode in _AS_GREY
            samples = 3 if colour else len(picture.getbands())
            allowed((picture.height, picture.width, samples), np.uint8)
            mode = "RGB" if colour else "L" if grey else picture.mode
            data = np.asarray(picture.convert(mode))
    return from_array(data, "YXS"[: data.ndim])


def _refuse_deep_colour(path: Path) -> None:
    """Byte 24 of a PNG's header holds the bits per sample, byte 25 the type of pixel."""
    with path.open("rb") as file:
        header = file.read(26)
    if header.startswith(b"\x89PNG") and len(header) == 26 and header[24] == 16 and header[25] in (2, 4, 6):
        raise ValueError("it has several channels of 16 bits, of which 8 would be lost; save it as TIFF")


def _by_parts(path: Path, dataset: str, usual: str, max_voxels: int, missing: bool) -> Volume:
    """All of a file that can be read part by part."""
    with closing(open_lazily(path, dataset=dataset, usual=usual, missing=missing)) as opened:
        check(path, max_voxels, opened.shape, opened.dtype)
        return _whole(opened)


def _whole(opened: LazyVolume) -> Volume:
    known = {axis: size for axis, size in zip("ZYX"[-len(opened.spacing) :], opened.spacing, strict=False)}
    spatial = [axis for axis in "ZYX" if axis in opened.axes]
    spacing = tuple(known[axis] for axis in spatial) if {*spatial} <= {*known} else ()
    return from_array(opened.whole(), opened.axes, spacing)


_READERS: dict[str, Callable[[Path, Check], Volume]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), _read_bitmap),
    **dict.fromkeys(_HDF5_SUFFIXES, hdf5.read),
    ".npy": _read_numpy,
}

IMAGE_SUFFIXES = (*_READERS, *tiff.SUFFIXES)
"""Suffixes of the files that are read, in lower case; upper case is read too."""
