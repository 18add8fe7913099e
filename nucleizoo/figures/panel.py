"""Pictures in rows and columns, with their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.figures import drawing
from nucleizoo.ops.labels.edges import outlines
from nucleizoo.ops.labels.overlay import colours_apart, stretched

ROWS = 6
"""Maximum number of rows, evenly taken from all."""
SIDE = (2.2, 4.0)
"""Least and greatest width of a picture in inches, for 240 pixels and for 440."""


def panel(
    rows: Sequence[tuple[str, Sequence[NDArray[Any]]]], titles: Sequence[str], path: Path, about: str,
    *, under: Sequence[Sequence[str]] = (),
) -> Path:  # fmt: skip
    """Draw pictures as a PNG.

    Args:
        rows: the name of each, and its pictures: (Y, X) in [-1, 1], or RGB (Y, X, 3).
        titles: of the columns.
        path: of the PNG.
        about: title of the whole.
        under: what is written below each picture, if anything.
    """
    chosen = range(0, len(rows), -(-len(rows) // ROWS))
    shapes = [rows[i][1][0].shape for i in chosen]
    side = min(max(SIDE[0], max(shape[1] for shape in shapes) / 110), SIDE[1])
    height = sum(side * shape[0] / shape[1] + 0.25 * bool(under) for shape in shapes)
    figure = drawing.sheet(side * len(titles) + 0.4, height + 0.8)
    places = figure.subplots(
        len(shapes), len(titles), squeeze=False, height_ratios=[shape[0] / shape[1] for shape in shapes]
    )
    for i, line in zip(chosen, places, strict=True):
        name, pictures = rows[i]
        line[0].set_ylabel(name, fontsize=8)
        for column, (place, picture) in enumerate(zip(line, pictures, strict=True)):
            place.imshow(picture, cmap="gray", vmin=-1, vmax=1)
            place.set_xticks([])
            place.set_yticks([])
            if under and under[i][column]:
                place.set_xlabel(under[i][column], fontsize=8)
    for place, title in zip(places[0], titles, strict=True):
        place.set_title(title, fontsize=9)
    figure.suptitle(about, fontsize=10)
    return drawing.write(figure, path)


def bright(picture: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """A picture of any range in [-1, 1], with the contrast of overlays."""
    return np.asarray(stretched(picture) / 127.5 - 1, np.float32)


def coloured(labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Labels (Y, X) as RGB: near nuclei in different colours, with dark edges, on black."""
    names, inverse = np.unique(labels, return_inverse=True)
    nuclei = inverse.reshape(labels.shape) + (1 if names[0] > 0 else 0)
    palette = _palette(nuclei)
    shown = palette[nuclei]
    shown[outlines(nuclei.astype(np.int32)) > 0] //= 2
    return shown


def outlined(picture: NDArray[np.floating[Any]], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """A picture (Y, X) in [-1, 1] as RGB, with the outlines of labels (Y, X), enlarged to show both."""
    times = max(1, -(-400 // max(labels.shape)))
    grey = np.asarray(127.5 * (np.clip(picture, -1, 1) + 1), np.uint8)
    shown = grey.repeat(times, 0).repeat(times, 1)[..., None].repeat(3, 2)
    names, inverse = np.unique(labels, return_inverse=True)
    nuclei = inverse.reshape(labels.shape) + (1 if names[0] > 0 else 0)
    edges = outlines(nuclei.repeat(times, 0).repeat(times, 1).astype(np.int32), 1 + (times > 1))
    shown[edges > 0] = _palette(nuclei)[edges[edges > 0]]
    return shown


def _palette(nuclei: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Colours of the labels 0 to N, (N + 1, 3), black first."""
    counts = np.maximum(np.bincount(nuclei.ravel()), 1)
    grid = np.indices(nuclei.shape)
    middles = np.stack([np.bincount(nuclei.ravel(), line.ravel()) / counts for line in grid], 1)[1:]
    return np.concatenate([np.zeros((1, 3), np.uint8), colours_apart(middles)])
