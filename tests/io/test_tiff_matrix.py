"""Every way to store the values of a TIFF gives back these values, in memory and by parts."""

import itertools
from contextlib import closing

import numpy as np
import pytest
import tifffile

from nucleizoo import io

DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
COMPRESSIONS = ["none", "lzw", "zlib", "packbits", "lzma", "zstd", "lerc", "png", "jpeg2000", "jpegxl",
                "lzw+predictor", "zlib+predictor", "zstd+predictor"]  # fmt: skip
KINDS = ["minisblack", "miniswhite", "rgb contig", "rgb separate"]
LAYOUTS = [{}, {"rowsperstrip": 8}, {"tile": (16, 32)}]
ALL = list(itertools.product("<>", KINDS, LAYOUTS))

CORE = set(itertools.product(["u1", "i2", "u2", "f4"], ["none", "lzw", "zlib+predictor"]))
"""Types and compressions for which every byte order, kind and layout is tried; three of them for others."""

PICTURES = {
    "lerc": "u1 i1 u2 i2 u4 i4 f4 f8", "png": "u1 u2", "jpeg2000": "u1 u2", "jpegxl": "u1 u2 f4",
}  # fmt: skip
"""Compressions of whole pictures, which have a byte order of their own, and their types."""

BOX = (slice(5, 30), slice(10, 41))
"""Crosses the borders of strips and tiles, and reaches the edge in x."""


def values(dtype, shape):
    """All magnitudes of a type, also negative ones."""
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return (rng.standard_normal(shape) * 100).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def write(path, picture, order, kind, layout, compression):
    """Store (y, x) or (y, x, 3)."""
    name, _, predictor = compression.partition("+")
    photometric, _, planar = kind.partition(" ")
    how = layout | {"compression": None if name == "none" else name, "predictor": bool(predictor)}
    if name == "jpeg2000":
        how["compressionargs"] = {"reversible": True, "level": 0}
    if name == "jpegxl":
        how["compressionargs"] = {"lossless": True}
    tifffile.imwrite(
        path, np.moveaxis(picture, -1, 0) if planar == "separate" else picture, byteorder=order,
        photometric=photometric, planarconfig=planar or None, metadata=None, **how,
    )  # fmt: skip


def both(path, usual="image"):
    """What is read in memory, and by parts: of the box, (channels, y, x) both."""
    whole = io.read(path, usual=usual)
    data = np.moveaxis(whole.data, -1, 0) if "C" in whole.axes else whole.data[None]
    with closing(io.open_lazily(path, usual=usual)) as opened:
        part = opened.read(BOX)
        assert opened.dtype == whole.data.dtype and opened.channels == len(data)
    return data, part


def check(path, wanted, usual="image"):
    """Both are the same picture, (channels, y, x)."""
    data, part = both(path, usual)
    assert data.dtype == part.dtype == wanted.dtype and data.dtype.isnative
    np.testing.assert_array_equal(data, wanted)
    np.testing.assert_array_equal(part, wanted[:, BOX[0], BOX[1]])


@pytest.mark.parametrize(
    ("dtype", "compression"),
    [
        (dtype, compression)
        for dtype, compression in itertools.product(DTYPES, COMPRESSIONS)
        if dtype in PICTURES.get(compression, dtype) and not (dtype in "u8 i8" and "predictor" in compression)
    ],
)
def test_every_type_order_compression_kind_and_layout(tmp_path, dtype, compression):
    grey, colour = values(dtype, (37, 41)), values(dtype, (37, 41, 3))
    first = (DTYPES.index(dtype) + COMPRESSIONS.index(compression)) % 7
    for order, kind, layout in ALL if (dtype, compression) in CORE else ALL[first::7][:3]:
        order = "<" if compression in PICTURES else order
        picture = colour if "rgb" in kind else grey
        write(tmp_path / "a.tif", picture, order, kind, layout, compression)
        turned = kind == "miniswhite" and picture.dtype.kind != "f"
        wanted = np.bitwise_not(picture) if turned else picture
        check(tmp_path / "a.tif", np.moveaxis(np.atleast_3d(wanted), -1, 0))
