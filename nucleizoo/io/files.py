"""Find image files, and read one as a whole."""

from __future__ import annotations

import glob
import logging
import os
import re
import warnings
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once
from nucleizoo.io import hdf5, tiff
from nucleizoo.io.decoder_errors import is_lack_of_memory, named
from nucleizoo.io.lazy_open import open_lazily
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.names import first_few
from nucleizoo.io.other_formats import remedy
from nucleizoo.io.tiff_values import tell_orientation
from nucleizoo.io.volume import (
    MAX_VOXELS,
    SMALLER,
    Check,
    TooManyVoxels,
    Volume,
    check,
    check_file,
    from_array,
    is_broken_link,
)
from nucleizoo.io.zarr_folder import check_mark, is_former_zarr, is_zarr

log = logging.getLogger(__name__)

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
        missing: whether chunks of a Zarr array or HDF5 dataset, or planes of a TIFF, may be missing; they
            hold the fill value then, or 0.

    Returns:
        Values, axes and voxel size as the file gives them.

    Raises:
        TooManyVoxels: when it is larger than `max_voxels` or the memory of the machine, or unpacks to far
            more bytes than it holds.
        ImageReadError: when the file is missing, damaged, truncated, not a picture, or refers to other
            files, and when it is locked or may not be read.
        OSError: for errors of the machine, such as a server that does not answer.
    """
    path = Path(path)
    check_mark(path)
    if not is_zarr(path):
        check_file(path)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            what = remedy(path) or f"save it as one of {' '.join(IMAGE_SUFFIXES)}"
            raise ImageReadError(f"{path}: '{path.suffix}' files are not supported; {what}")
    reader = _READERS.get(path.suffix.lower())
    try:
        with named(path):
            if reader is not None and not is_zarr(path):
                return reader(path, partial(check, path, max_voxels))
            with closing(
                open_lazily(path, dataset=dataset, usual=usual, missing=missing, max_voxels=max_voxels)
            ) as opened:
                return _whole(opened)
    except (MemoryError, OSError) as error:
        if not is_lack_of_memory(error):
            raise
        raise TooManyVoxels(
            f"{path}: is too large for the memory of this machine ({error}); {SMALLER}"
        ) from error


def find(path: str | Path) -> list[Path]:
    """The image files and Zarr folders that a path names, in natural order: t2 before t10.

    Args:
        path: a folder (its own files, not those of folders in it), a file, or a pattern with * ? [],
            where ** includes subfolders. A Zarr folder counts as a file.

    Returns:
        At least one; hidden files and those with other suffixes are left out, with a warning of pictures in
        formats that are not read. A Zarr folder that has lost
        its mark and a broken link are among them, to be refused by name when they are read.

    Raises:
        ImageReadError: when there is none, and for ''.
    """
    if not str(path):
        raise ImageReadError("a path is empty, as of a variable that is not set; name a file or folder")
    path = Path(path)
    if path.is_file() or is_zarr(path) or is_former_zarr(path):
        return [path]
    candidates = list(path.iterdir()) if path.is_dir() else _matches(path)
    shown = [f for f in candidates if f.name[0] != "."]
    pictures = [f for f in shown if f.suffix.lower() in IMAGE_SUFFIXES]
    files = [f for f in pictures if f.is_file() or is_broken_link(f)] + [
        f for f in shown if is_zarr(f) or is_former_zarr(f)
    ]
    others = sorted((f for f in shown if remedy(f) and f not in files), key=_natural)
    left_out = f"{first_few(f.name for f in others)} not read: {remedy(others[0])}" if others else ""
    if files and left_out:
        warn_once(log, f"{others[0].parent}: {left_out}")
    if not files:
        if not path.exists() and not glob.has_magic(str(path)):
            raise ImageReadError(f"{path}: there is no such file or folder; check the path")
        what = "the folder holds" if path.is_dir() else "there is"
        raise ImageReadError(
            f"{path}: {what} no image file; "
            + (left_out or f"looked for {' '.join(IMAGE_SUFFIXES)} and Zarr")
        )
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


def _read_bitmap(path: Path, allowed: Check) -> Volume:
    """PNG, JPEG and BMP: palettes become colours, alpha is dropped, the resolution is ignored.

    Raises:
        ValueError: for a PNG of 16 bits in several channels, which Pillow would cut to 8.
        Exception: as `_opened`, and whatever Pillow raises when it decodes a damaged file.
    """
    _refuse_deep_colour(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `allowed` has limits of its own
        with _opened(path) as picture:
            colour, grey = picture.mode in _AS_COLOUR, picture.mode in _AS_GREY
            samples = 3 if colour else len(picture.getbands())
            allowed((picture.height, picture.width, samples), np.uint8)
            mode = "RGB" if colour else "L" if grey else picture.mode
            data = np.asarray(picture.convert(mode))
            if (frames := getattr(picture, "n_frames", 1)) > 1:
                warn_once(log, f"{path}: holds {frames} pictures, of which the first is read; if the others "
                               "are wanted, save them as TIFF")  # fmt: skip
            tell_orientation(path, picture.getexif().get(ExifTags.Base.Orientation, 1))
    return from_array(data, "YXS"[: data.ndim])


def _opened(path: Path) -> Image.Image:
    """The picture, not yet decoded.

    Raises:
        TooManyVoxels: for more pixels than Pillow opens.
        Exception: whatever Pillow raises on a damaged file.
    """
    try:
        return Image.open(path, formats=("PNG", "JPEG", "BMP"))
    except Image.DecompressionBombError as error:
        raise TooManyVoxels(
            f"{path}: has too many pixels for its format ({error}); save it as TIFF, in tiles"
        ) from error


def _refuse_deep_colour(path: Path) -> None:
    """Byte 24 of a PNG's header holds the bits per sample, byte 25 the type of pixel."""
    with path.open("rb") as file:
        header = file.read(26)
    if header.startswith(b"\x89PNG") and len(header) == 26 and header[24] == 16 and header[25] in (2, 4, 6):
        raise ValueError("it has several channels of 16 bits, of which 8 would be lost; save it as TIFF")


def _whole(opened: LazyVolume) -> Volume:
    known = {axis: size for axis, size in zip("ZYX"[-len(opened.spacing) :], opened.spacing, strict=False)}
    spatial = [axis for axis in "ZYX" if axis in opened.axes]
    spacing = tuple(known[axis] for axis in spatial) if {*spatial} <= {*known} else ()
    return from_array(opened.whole(), opened.axes, spacing)


_READERS: dict[str, Callable[[Path, Check], Volume]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), _read_bitmap),
}

IMAGE_SUFFIXES = (*_READERS, *tiff.SUFFIXES, *hdf5.SUFFIXES, ".npy")
"""Suffixes of the files that are read, in lower case; upper case is read too."""
