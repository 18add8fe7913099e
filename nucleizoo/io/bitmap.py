"""PNG, JPEG and BMP."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from nucleizoo.io.volume import Check, Volume, from_array

_AS_COLOUR = ("P", "PA", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")
_AS_GREY = ("LA", "La")


def read(path: Path, allowed: Check) -> Volume:
    """Read a picture: palettes become colours, alpha is dropped, the resolution is not believed.

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
    """A PNG's header holds bits a sample at byte 24 and the kind of pixel at byte 25."""
    with path.open("rb") as file:
        header = file.read(26)
    if header.startswith(b"\x89PNG") and len(header) == 26 and header[24] == 16 and header[25] in (2, 4, 6):
        raise ValueError("it has 16 bits in several channels, of which 8 would be lost; save it as TIFF")
