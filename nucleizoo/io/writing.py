"""Write results atomically, with their voxel size and the mark of nucleizoo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nucleizoo.io.checksum import BLANK
from nucleizoo.io.mark import FULL_MARK, MARK
from nucleizoo.io.replacement import replacing

_IMAGEJ_TYPES = (np.uint8, np.uint16, np.float32)
_IMAGEJ_BYTES = 2**32 - 2**25
"""Largest array in ImageJ's own dialect, which has no 64-bit addresses."""


def write_labels(
    path: str | Path, labels: NDArray[Any], spacing: tuple[float, ...] = (), axes: str = ""
) -> None:
    """Write instance labels as a compressed TIFF that ImageJ, napari and QuPath open.

    Args:
        path: the file to write; an older result is replaced in one step.
        labels: integers from 0 to 2**32 - 1, one axis per letter; stored with 16 bits if that is enough
            for all ids, else with 32.
        spacing: voxel size in micrometres along those axes of ZYX that exist; () when it is not known.
        axes: letters of TZCYX in this order; '' for the last of ZYX.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        ValueError: for labels that are not integers or out of range, or if axes or spacing do not
            fit them.
        OSError: when the file cannot be written; nothing is left behind.
    """
    if labels.dtype.kind not in "bui":
        raise ValueError(f"labels must be integers, got {labels.dtype}")
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if low < 0 or high >= 2**32:
        raise ValueError(f"labels must be 0 to {2**32 - 1}, got {low} to {high}")
    _write_tiff(path, labels.astype(np.uint16 if high < 2**16 else np.uint32), spacing, axes)


def write_image(
    path: str | Path,
    image: NDArray[Any],
    spacing: tuple[float, ...] = (),
    axes: str = "",
    *,
    made_by: str = "",
) -> None:
    """Write a picture, stack or volume, of one channel or several, as a compressed TIFF.

    Args:
        path: the file to write; an older result is replaced in one step.
        image: float32, uint8 or uint16, any range, one axis per letter.
        spacing: as for `write_labels`.
        axes: as for `write_labels`.
        made_by: the weights that made it, to be read by `mark.made_by`.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        ValueError: for another type, or if axes or spacing do not fit.
        OSError: when the file cannot be written; nothing is left behind.
    """
    if image.dtype not in _IMAGEJ_TYPES:
        raise ValueError(f"pictures must be float32, uint8 or uint16, got {image.dtype}")
    _write_tiff(path, image, spacing, axes, f"{MARK} {made_by}".strip() + BLANK)


def write_png(path: str | Path, picture: NDArray[np.uint8]) -> None:
    """Write (y, x) or (y, x, 3) of uint8 as a PNG.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        ValueError: for another type or shape.
        OSError: when the file cannot be written; nothing is left behind.
    """
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise ValueError(f"a PNG must be uint8 (y, x) or (y, x, 3), got {picture.dtype} {picture.shape}")
    info = PngInfo()
    info.add_text("Software", FULL_MARK)
    with replacing(path, "png") as part:
        Image.fromarray(np.ascontiguousarray(picture)).save(part, format="PNG", pnginfo=info)


def _write_tiff(
    path: str | Path, array: NDArray[Any], spacing: tuple[float, ...], axes: str, software: str = FULL_MARK
) -> None:
    """Write ImageJ TIFF where it can hold the array, else OME-TIFF."""
    axes = axes or "ZYX"[-array.ndim :]
    ordered = "".join(letter for letter in "TZCYX" if letter in axes)
    sizes = len(ordered.replace("T", "").replace("C", ""))
    if axes != ordered or "YX" not in axes or len(axes) != array.ndim or len(spacing) not in (0, sizes):
        raise ValueError(f"cannot write an array of {array.shape} as '{axes}' with a spacing of {spacing}")
    imagej = array.dtype in _IMAGEJ_TYPES and array.nbytes < _IMAGEJ_BYTES
    describe = _imagej if imagej else _ome
    with replacing(path, "tif") as part:
        tifffile.imwrite(
            part, array, imagej=imagej, ome=not imagej, photometric="minisblack", compression="zlib",
            software=software, **describe(axes, spacing),
        )  # fmt: skip


def _imagej(axes: str, spacing: tuple[float, ...]) -> dict[str, Any]:
    if not spacing:
        return {"metadata": {"axes": axes}}
    depth = {"spacing": spacing[0]} if len(spacing) == 3 else {}
    return {
        "metadata": {"axes": axes, "unit": "um", **depth},
        "resolution": (1 / spacing[-1], 1 / spacing[-2]),
    }


def _ome(axes: str, spacing: tuple[float, ...]) -> dict[str, Any]:
    letters = "ZYX"[3 - len(spacing) :]
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip(letters, spacing, strict=True)}
    units = {f"{key}Unit": "µm" for key in sizes}
    return {"metadata": {"axes": axes, **sizes, **units}}
