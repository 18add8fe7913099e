"""What the numbers stored in a TIFF page mean: brightness, colours, alpha."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once

_WHITE_IS_ZERO, _PALETTE, _YCBCR = 0, 3, 6

_AS_STORED = (_WHITE_IS_ZERO, 1, 2, _PALETTE, 4, 34892, 51177)
"""Photometric interpretations whose numbers are intensities, colours (RGB), ids or a mask."""

_TO_RGB = (6, 7, 33007, 34892)
"""Compressions (JPEG) whose decoder turns YCbCr into RGB."""

_APERIO_YCBCR = 33003
"""A compression that stores YCbCr whatever the photometric interpretation says."""

_OF_PYTHON = "tifffile"
"""Begins the Software of files by tifffile and what is built on it, such as scikit-image: unless it is told
another photometric interpretation, it writes True as 1 under WhiteIsZero."""

_ALPHA = (1, 2)
"""Values of the tag ExtraSamples for associated and unassociated alpha; 0 is any other channel."""

log = logging.getLogger(__name__)


def check_decoder(path: Path, page: Any) -> None:
    """Refuse what cannot be decoded as a whole; otherwise every page would look damaged.

    Raises:
        ImageReadError: naming the compression, the predictor and the type of its values.
    """
    try:
        page.decode(None, 0)
    except (ValueError, NotImplementedError) as error:
        words = f"compression {_name(page.compression)}"
        words += f", predictor {_name(page.predictor)}" if page.predictor != 1 else ""
        raise ImageReadError(
            f"{path}: cannot be decoded: {words}, {page.bitspersample} bits of sample format "
            f"{_name(page.sampleformat)} ({error}); save it with LZW or zlib compression, or uncompressed"
        ) from error


def check_colours(path: Path, page: Any) -> None:
    """Refuse colours other than RGB; their numbers would be taken for intensities.

    Raises:
        ImageReadError: naming the photometric interpretation.
    """
    photometric = page.photometric
    turned_to_rgb = page.compression in _TO_RGB and page.planarconfig == 1 and not page.extrasamples
    if page.compression == _APERIO_YCBCR:
        photometric, turned_to_rgb = _YCBCR, False
    if photometric in _AS_STORED or (photometric == _YCBCR and turned_to_rgb):
        return
    raise ImageReadError(
        f"{path}: its colours are stored as {_name(photometric)} (photometric interpretation "
        f"{int(photometric)}, compression {_name(page.compression)}), which is not read; "
        "save it as RGB or grey"
    )


def samples_kept(page: Any) -> list[int]:
    """Which samples of a pixel are colours or channels: all but alpha, which only the file can name."""
    extra = page.extrasamples
    first = page.samplesperpixel - len(extra)
    return [i for i in range(page.samplesperpixel) if i < first or extra[i - first] not in _ALPHA]


def turn_over(path: Path, page: Any, usual: str) -> int | None:
    """What to combine with stored integers, by exclusive or, so that brighter is larger; None for nothing.

    Says in the log where a file has WhiteIsZero or a palette. Labels are ids: they are turned over only
    where they have one bit. Masks that Python's tifffile wrote are as stored: True is 1 in them.

    Args:
        path: for messages.
        page: of the file.
        usual: 'image' or 'label', see `open_lazily`.
    """
    is_label = usual == "label"
    if page.photometric == _PALETTE and page.colormap is not None and not is_label:
        brightness = np.asarray(page.colormap).astype(np.int64).sum(0)
        if (np.diff(brightness) < 0).any():
            warn_once(log, f"{path}: has a colour palette, which is not applied: the stored numbers are "
                           "taken as intensities; if its colours are meant, save it as RGB")  # fmt: skip
    # a file without the tag has photometric 0 too
    if page.photometric != _WHITE_IS_ZERO or 262 not in page.tags:
        return None
    if is_label and page.bitspersample != 1:
        return None
    if page.bitspersample == 1 and str(page.software).startswith(_OF_PYTHON):
        return None
    if page.dtype.kind == "f":
        warn_once(log, f"{path}: says WhiteIsZero, but has fractions, which have no white; they are read "
                       "as stored")  # fmt: skip
        return None
    warn_once(log, f"{path}: says WhiteIsZero (0 is shown as white); its values are turned over, so that "
                   "brighter is larger")  # fmt: skip
    return int(-1 if page.dtype.kind == "i" else 2**page.bitspersample - 1)


def tell_orientation(path: Path, orientation: Any) -> None:
    """Say in the log where rows and columns are to be shown in another order than they are stored."""
    if orientation in range(2, 9):
        warn_once(log, f"{path}: is to be shown turned or mirrored (tag Orientation), which is not applied: "
                       "rows and columns are those that are stored")  # fmt: skip


def turned_over(data: NDArray[Any], mask: int | None) -> NDArray[Any]:
    """Stored values as `turn_over` says."""
    return data if mask is None else np.bitwise_xor(data, data.dtype.type(mask))


def _name(code: Any) -> str:
    """'LZW' for an enumerated value, the number itself for an unknown one."""
    return str(getattr(code, "name", code))
