"""Overlays: pictures with every nucleus outlined and numbered, and the number of nuclei."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from scipy.spatial import KDTree

from nucleizoo.ops.labels.distance import instance_distance
from nucleizoo.ops.labels.edges import outlines

COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167)], np.uint8
)
"""The colour-blind safe palette of Okabe and Ito, without its dark blue and black."""

CONTRAST = (0.5, 99.8)
"""Percentiles that become black and white."""

DIAMETER = 44
"""Pixels that a typical nucleus is enlarged to, so that a number fits into it."""

SIDE = (512, 2400)
"""Smallest and largest length in pixels that the longer side is enlarged to."""


def outline(image: NDArray[np.floating[Any]], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Draw nuclei on their image: outline and number of each, and the count in the emptiest corner.

    Small images are enlarged by a whole factor until numbers are legible; a nucleus too small for its
    number has none. Volumes are projected along z: the maximum intensity and the first nucleus.

    Args:
        image: (Y, X) or (Z, Y, X), in [0, 1]; it is stretched between its percentiles `CONTRAST`.
        labels: same shape, 0 = background; the numbers drawn are these labels.

    Returns:
        (k Y, k X, 3) RGB, where k is the enlargement.

    Raises:
        ValueError: when the shapes differ or have neither 2 nor 3 axes.
    """
    if image.shape != labels.shape or image.ndim not in (2, 3):
        raise ValueError(f"image {image.shape} and labels {labels.shape} must both be (Y, X) or (Z, Y, X)")
    names, nuclei = _numbered(labels)
    if image.ndim == 3:
        image, nuclei = image.max(axis=0), _from_above(nuclei)
    times = _enlargement(nuclei)
    gray = stretched(image).repeat(times, 0).repeat(times, 1)
    nuclei = nuclei.repeat(times, 0).repeat(times, 1)
    middles, depths = _middles(nuclei, names.size)
    colours = colours_apart(middles)
    edge = outlines(nuclei, 1 + max(gray.shape) // 700)
    picture = np.repeat(gray[..., None], 3, axis=2)
    picture[edge > 0] = colours[edge[edge > 0] - 1]
    canvas = Image.fromarray(picture)
    _write_numbers(canvas, names, middles, depths)
    _write_count(canvas, names.size, nuclei)
    return np.asarray(canvas)


def _numbered(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The labels except 0, ascending (N,), and the picture with 1 to N in their place."""
    names, inverse = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
    return names[1:], inverse[:-1].reshape(labels.shape).astype(np.int32)


def _from_above(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """The first label along z that is not 0: (Z, Y, X) -> (Y, X)."""
    first = (labels > 0).argmax(axis=0)
    seen: NDArray[np.int32] = np.take_along_axis(labels, first[None], axis=0)[0]
    return seen


def stretched(image: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Grey levels of an image of any range, black and white at its percentiles `CONTRAST`."""
    low, high = np.percentile(image, CONTRAST)
    scaled = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    return np.asarray(255 * scaled, np.uint8)


def _enlargement(nuclei: NDArray[np.int32]) -> int:
    """The whole factor that makes the median nucleus `DIAMETER` wide, as far as `SIDE` allows."""
    areas = np.bincount(nuclei.ravel())[1:]
    areas = areas[areas > 0]
    diameter = 2 * math.sqrt(float(np.median(areas)) / math.pi) if areas.size else DIAMETER
    side = int(max(nuclei.shape))
    times: int = max(1, min(max(math.ceil(DIAMETER / diameter), math.ceil(SIDE[0] / side)), SIDE[1] // side))
    return times


def _middles(nuclei: NDArray[np.int32], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Deepest pixel (n, 2) of every nucleus and its depth (n,): where there is most room for a number."""
    distance = instance_distance(nuclei)
    which = np.arange(1, n + 1)
    places = np.array(ndimage.maximum_position(distance, nuclei, which), float).reshape(n, 2)
    return places, np.asarray(ndimage.maximum(distance, nuclei, which), float)


def colours_apart(middles: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A colour for every nucleus, (n, 3), that its five nearest neighbours do not have."""
    n, cycle = len(middles), len(COLOURS)
    picked = np.full(n, -1)
    if n:
        nearest = KDTree(middles).query(middles, k=range(1, min(cycle, n) + 1))[1]
        for i in range(n):
            others = set(picked[nearest[i]].tolist())
            picked[i] = next((c for c in np.roll(range(cycle), -i).tolist() if c not in others), i % cycle)
    return np.asarray(COLOURS[picked])


def _write_numbers(
    canvas: Image.Image,
    names: NDArray[np.int32],
    middles: NDArray[np.float64],
    depths: NDArray[np.float64],
) -> None:
    """Write a small number into every nucleus that has room for it."""
    draw = ImageDraw.Draw(canvas)
    size = int(np.clip(0.6 * np.median(depths), 11, 24)) if len(depths) else 11
    font = ImageFont.load_default(size)
    for name, (y, x), depth in zip(names, middles, depths, strict=True):
        text = str(name)
        if math.hypot(draw.textlength(text, font), 0.7 * size) / 2 < 0.85 * depth:
            draw.text((x, y), text, "white", font, anchor="mm", stroke_width=1, stroke_fill="black")


def _write_count(canvas: Image.Image, count: int, nuclei: NDArray[np.int32]) -> None:
    """Write the number of nuclei into the corner where it hides the fewest pixels of them."""
    text = {0: "no nuclei", 1: "1 nucleus"}.get(count, f"{count} nuclei")
    font = ImageFont.load_default(max(14, max(canvas.size) // 45))
    draw = ImageDraw.Draw(canvas)
    _, _, right, bottom = draw.textbbox((0, 0), text, font)
    wide, high = int(right) + 12, int(bottom) + 10
    corners = [(y, x) for y in (0, canvas.height - high) for x in (0, canvas.width - wide)]

    def hidden(corner: tuple[int, int]) -> int:
        y, x = max(corner[0], 0), max(corner[1], 0)
        return int(np.count_nonzero(nuclei[y : y + high, x : x + wide]))

    y, x = min(corners, key=hidden)
    draw.rectangle((x, y, x + wide - 1, y + high - 1), fill="black")
    draw.text((x + 6, y + 4), text, "white", font)


def marks(
    image: NDArray[np.floating[Any]], kinds: Mapping[str, tuple[NDArray[np.int32], tuple[int, int, int]]]
) -> NDArray[np.uint8]:
    """Draw kinds of nuclei on their image, each in its colour, with a legend that counts them.

    Volumes are projected along z. Later kinds are drawn over earlier ones.

    Args:
        image: (Y, X) or (Z, Y, X), any range; it is stretched between its percentiles `CONTRAST`.
        kinds: name -> labels of the same shape, 0 = background, and RGB.

    Returns:
        (k Y, k X + legend, 3) RGB, where k is the enlargement.
    """
    numbered = {name: (*_numbered(labels), colour) for name, (labels, colour) in kinds.items()}
    flat = {n: (_from_above(a) if a.ndim == 3 else a, colour) for n, (_, a, colour) in numbered.items()}
    gray = stretched(image.max(axis=0) if image.ndim == 3 else image)
    times = _enlargement(max((a for a, _ in flat.values()), key=lambda a: int(a.max(initial=0))))
    picture = np.repeat(gray.repeat(times, 0).repeat(times, 1)[..., None], 3, axis=2)
    for labels, colour in flat.values():
        edge = outlines(labels.repeat(times, 0).repeat(times, 1), 1 + max(picture.shape) // 700)
        picture[edge > 0] = colour
    return _with_legend(picture, {f"{names.size} {kind}": c for kind, (names, _, c) in numbered.items()})


def _with_legend(picture: NDArray[np.uint8], lines: Mapping[str, tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Add a legend to the right of the picture, one line per kind, in its colour."""
    size = max(14, picture.shape[0] // 45)
    font = ImageFont.load_default(size)
    wide = int(max(font.getlength(line) for line in lines)) + size
    canvas = Image.new("RGB", (picture.shape[1] + wide, max(picture.shape[0], (len(lines) + 1) * 2 * size)))
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for row, (line, colour) in enumerate(lines.items()):
        draw.text((picture.shape[1] + size // 2, size + 2 * size * row), line, colour, font)
    return np.asarray(canvas)
