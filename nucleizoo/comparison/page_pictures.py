"""Pictures for the page: a grey one, and transparent layers with outlines to draw over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.files import COLOURS, kinds_of
from nucleizoo.metrics.folders import Labels
from nucleizoo.ops.image.resize import linear, nearest
from nucleizoo.ops.labels.edges import outlines
from nucleizoo.ops.labels.overlay import COLOURS as PALETTE
from nucleizoo.ops.labels.overlay import stretched

SIDE = 512
"""Pixels of the longer side: larger pictures are shrunk to it, outlines of small ones enlarged up to it."""
OUTLINE = tuple(PALETTE[0].tolist())
"""Colour of annotated and predicted nuclei; differs from all colours of errors."""
_FILL, _LINE = 56, 255
"""Opacity of a marked nucleus and of its outline."""

Colour = tuple[int, int, int]


def plane_of(truth: Labels) -> int | None:
    """The plane of a volume to show: the one with most annotated pixels, or the middle; None for an image."""
    if truth.ndim < 3:
        return None
    annotated = np.count_nonzero(truth, axis=(1, 2))
    return int(annotated.argmax()) if annotated.any() else len(truth) // 2


def picture(image: NDArray[np.floating[Any]]) -> str:
    """An image (Y, X) as a grey picture, stretched between percentiles, as a data URL."""
    y, x = image.shape
    if max(y, x) > SIDE:
        image = linear(np.asarray(image, np.float32), _fitted((y, x)))
    return _address(Image.fromarray(stretched(image)))


def outlined(labels: Labels) -> str:
    """Outlines of nuclei (Y, X) on a transparent background."""
    return _layer([(labels, OUTLINE)], fill=0)


def marked(prediction: Labels, truth: Labels, errors: Errors, plane: int | None) -> str:
    """The nuclei of one plane, coloured by kind of error, on a transparent background."""
    kinds = kinds_of(prediction, truth, errors)
    return _layer([(_plane(kinds[kind], plane), colour) for kind, colour in COLOURS.items()], fill=_FILL)


def _plane(labels: Labels, plane: int | None) -> Labels:
    return labels if plane is None else labels[plane]


def _fitted(shape: tuple[int, int]) -> tuple[int, int]:
    """A shape fitted to `SIDE`: a large one is shrunk, a small one enlarged by a whole number."""
    longest = max(shape)
    if longest <= SIDE:
        return shape[0] * (SIDE // longest), shape[1] * (SIDE // longest)
    return max(1, round(shape[0] * SIDE / longest)), max(1, round(shape[1] * SIDE / longest))


def _layer(kinds: Sequence[tuple[Labels, Colour]], fill: int) -> str:
    """Kinds of nuclei as a picture with a palette: opaque outlines, and insides with opacity `fill`."""
    shape = _fitted(kinds[0][0].shape)
    wide = max(1, max(shape) // 250)
    drawn, palette, opacity = np.zeros(shape, np.uint8), [0, 0, 0], [0]
    for labels, colour in kinds:
        large = nearest(labels, shape)
        drawn[(large > 0) & (drawn == 0)] = len(opacity)
        drawn[outlines(large, wide) > 0] = len(opacity) + 1
        palette += [*colour, *colour]
        opacity += [fill, _LINE]
    image = Image.fromarray(drawn, "P")
    image.putpalette(palette)
    return _address(image, transparency=bytes(opacity))


def _address(image: Image.Image, **settings: Any) -> str:
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True, **settings)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
