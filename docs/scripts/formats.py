"""What is read of every format, found by writing files and reading them: docs/formats.md.

    python docs/scripts/formats.py > docs/formats.md

A file counts as read when every value comes back, in memory and, where it is so read, by parts. Zarr needs
the extra 'volumes'.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from nucleizoo import io
from nucleizoo.core.errors import UserError

TYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16",
         "float32", "float64")  # fmt: skip
LENGTHS = {"T": 2, "Z": 6, "C": 2, "Y": 20, "X": 24, "S": 3}
SPACING = {"Z": 2.0, "Y": 0.5, "X": 0.25}
"""Micrometres."""

Write = Callable[[Path, NDArray[Any], str, str], None]
"""Writes an array with these axes, this compression ('' for none) and, where the format has it, `SPACING`."""


@dataclass
class Format:
    """A format, and what is tried of it; `written` says which command writes it."""

    name: str
    suffix: str
    write: Write
    axes: Sequence[str]
    compressions: Sequence[str] = ("",)
    written: str = ""


def bitmap(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """PNG, JPEG or BMP."""
    Image.fromarray(data).save(path)


def plain(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """TIFF without metadata, bilevel by Pillow."""
    kind, size = "rgb" if "S" in axes else "minisblack", (1e4 / SPACING["X"], 1e4 / SPACING["Y"])
    tifffile.imwrite(path, data, photometric=kind, metadata=None, compression=compression or None,
                     resolution=size, resolutionunit="centimeter")  # fmt: skip


def imagej(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """TIFF of ImageJ."""
    told = {"axes": axes, "unit": "um", "spacing": SPACING["Z"]}
    tifffile.imwrite(path, data, imagej=True, metadata=told, compression=compression or None,
                     resolution=(1 / SPACING["X"], 1 / SPACING["Y"]))  # fmt: skip


def ome(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """OME-TIFF."""
    kind = "rgb" if "S" in axes else "minisblack"
    sizes = {f"PhysicalSize{axis}": SPACING[axis] for axis in axes if axis in SPACING}
    tifffile.imwrite(path, data, ome=True, photometric=kind, compression=compression or None,
                     metadata={"axes": axes, **sizes})  # fmt: skip


def hdf5(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """One dataset, with an attribute for its voxel size."""
    with h5py.File(path, "w") as file:
        made = file.create_dataset("image", data=data, compression=compression or None)
        made.attrs["voxel_size_um_zyx"] = [SPACING[axis] for axis in axes if axis in SPACING]


def numpy(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """One array."""
    np.save(path, data)


def zarr_array(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """One array of Zarr 3, with the names of its axes."""
    codec = getattr(zarr.codecs, f"{compression.title()}Codec")() if compression else None
    zarr.create_array(path, data=data, compressors=codec, dimension_names=list(axes.lower()))


def ome_zarr(path: Path, data: NDArray[Any], axes: str, compression: str) -> None:
    """An image of OME-Zarr 0.5."""
    codec = getattr(zarr.codecs, f"{compression.title()}Codec")() if compression else None
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=data, compressors=codec)
    named = [{"name": a.lower(), **({"unit": "micrometer"} if a in SPACING else {})} for a in axes]
    scale = [{"type": "scale", "scale": [SPACING.get(a, 1.0) for a in axes]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": named, "datasets": levels}]}


_CODECS = ("", "lzw", "zlib", "packbits", "lzma", "zstd", "lerc", "png", "jpeg2000", "jpegxl", "webp", "jpeg")
_BY_NAME = ("YX", "ZYX", "TYX", "CYX", "ZCYX", "TZYX", "TZCYX")

FORMATS = [
    Format("PNG", ".png", bitmap, ["YX", "YXS"], written="overlays"),
    Format("JPEG", ".jpg", bitmap, ["YX", "YXS"]),
    Format("BMP", ".bmp", bitmap, ["YX", "YXS"]),
    Format("TIFF", ".tif", plain, ["YX", "YXS", "TYX"], _CODECS),
    Format("TIFF of ImageJ", ".tif", imagej, _BY_NAME, _CODECS[:6], "labels, maps, samples"),
    Format("OME-TIFF", ".ome.tif", ome, [*_BY_NAME, "YXS"], _CODECS,
           "labels and maps that ImageJ's cannot hold"),
    Format("HDF5", ".h5", hdf5, ["YX", "ZYX", "YXS", "ZYXS"], ["", "gzip", "lzf"], "labels (`--format h5`)"),
    Format("NumPy", ".npy", numpy, ["YX", "ZYX", "YXS", "ZYXS"]),
    Format("Zarr", ".zarr", zarr_array, _BY_NAME, ["", "gzip", "zstd", "blosc"]),
    Format("OME-Zarr", ".ome.zarr", ome_zarr, _BY_NAME, ["", "gzip", "zstd", "blosc"],
           "labels (`--format ome-zarr`)"),
]  # fmt: skip


def sample(dtype: str, axes: str) -> NDArray[Any]:
    """Values that lossy compression keeps nearly, all exact in every type but bool."""
    places = np.indices([LENGTHS[axis] for axis in axes])
    values = places.sum(0) + 3
    return values % 2 == 0 if dtype == "bool" else values.astype(dtype)


def outcome(format: Format, dtype: str, axes: str, compression: str) -> tuple[bool, bool, bool, bool]:
    """Whether a file is read in memory, by parts, with its voxel size, and without loss."""
    with tempfile.TemporaryDirectory() as folder:
        path, data = Path(folder) / f"a{format.suffix}", sample(dtype, axes)
        try:
            format.write(path, data, axes, compression)
        except (
            ValueError,
            TypeError,
            KeyError,
            OSError,
            RuntimeError,
            tifffile.OmeXmlError,
        ):  # has no such files
            return False, False, False, False
        by_parts = io.is_lazy(path)
        try:
            found = io.read(path)
            if by_parts:
                with closing(io.open_lazily(path)) as opened:
                    whole = opened.whole()
        except UserError:
            return False, False, False, False
    order = [axes.index("S" if a == "C" and "S" in axes else a) for a in found.axes]
    wanted = data.transpose(order)
    near = np.abs(found.data.astype(float) - wanted.astype(float)).max() < 9
    lossless = bool((found.data == wanted).all()) and found.data.dtype == data.dtype
    size = tuple(SPACING[axis] for axis in found.spatial)
    is_size = len(found.spacing) == len(size) and np.allclose(found.spacing, size)
    same = by_parts and bool((np.sort(whole, None) == np.sort(found.data, None)).all())
    return near and found.data.dtype == data.dtype, same, bool(is_size), lossless


def row(format: Format) -> str:
    """The table row of a format."""
    types = [t for t in TYPES if outcome(format, t, "YX", "")[0]]
    usual = "uint8"
    axes = [a for a in format.axes if outcome(format, usual, a, "")[0]]
    packed = {
        c: outcome(format, usual, "YXS" if c in ("jpeg", "webp") else "YX", c) for c in format.compressions
    }
    names = [f"{c or 'none'}{'' if ok[3] else ' (lossy)'}" for c, ok in packed.items() if ok[0]]
    _, by_parts, size, _ = outcome(format, usual, axes[-1] if "S" not in axes[-1] else axes[0], "")
    cells = [
        format.name,
        "all" if len(types) == len(TYPES) else ", ".join(types),
        ", ".join(axes).lower().replace("s", "c"),
        ", ".join(names) if len(names) > 1 else "",
        "yes" if size else "no",
        "yes",
        "yes" if by_parts else "no",
        format.written or "no",
    ]
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """docs/formats.md."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        rows = [row(format) for format in FORMATS]
    finally:
        logging.disable(level)
    head = ["Format", "Types", "Axes", "Compressions", "Voxel size", "In memory", "By parts", "Written"]
    table = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows]
    return (
        Path(__file__).with_name("formats.txt").read_text(encoding="utf-8").replace("TABLE", "\n".join(table))
    )


if __name__ == "__main__":
    print(page(), end="")
