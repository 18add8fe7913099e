"""Settings of synthetic masks, measured on images without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import volumes
from nucleizoo.core.errors import UserError
from nucleizoo.ops import resize
from nucleizoo.ops.overlay import outline
from nucleizoo.ops.sizing import Sizes, measure_sizes
from nucleizoo.reading import channels_first

MOST = 24
"""Images that are measured at most, evenly taken from all."""

VOXELS = 16_000_000
"""Voxels after which no further image is measured; volumes take most of a minute for so many."""


def measure(files: Sequence[Path], picture: str | Path | None = None) -> Sizes:
    """Measure nuclei, and draw those of the first image.

    Args:
        files: images or volumes; planes of a stack without a depth axis are images of their own.
        picture: PNG file to write.

    Raises:
        UserError: when planes and volumes are mixed, or no nucleus is found.
    """
    images = list(_enough(files[:: -(-len(files) // MOST)]))
    if len({image.ndim for image in images}) > 1:
        raise UserError("there are planes and volumes among the images; measure them apart")
    try:
        sizes = measure_sizes(images)
    except ValueError as error:
        raise UserError(f"{files[0]} and {len(files) - 1} more: {error}") from error
    if picture is not None:
        volumes.write_png(picture, outline(images[0], sizes.labels[0]))
    return sizes


def settings(sizes: Sizes) -> str:
    """What to write into a configuration, as YAML."""

    def both(values: tuple[float, float], digits: int) -> str:
        return f"[{values[0]:.{digits}f}, {values[1]:.{digits}f}]"

    lines = [
        "DATASET:",
        "  SOURCE:",
        "    NAME: synthetic",
        f"    SEMI_AXIS: {both(sizes.semi_axis, 1)}",
        f"    ECCENTRICITY: {both(sizes.eccentricity, 2)}",
        f"    COUNT: {both(sizes.count, 0)}",
        f"    PATCH: {list(sizes.window)}",
    ]
    return "\n".join([*lines[:1], *["  IMAGE: {SCALING: {INVERT: true}}"] * sizes.dark, *lines[1:]])


def _enough(files: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
    """Images until there are `MOST` or `VOXELS`."""
    voxels = 0
    for index, image in enumerate(image for file in files for image in _images(file)):
        if index == MOST or (voxels and voxels + image.size > VOXELS):
            return
        voxels += image.size
        yield image


def _images(file: Path) -> list[NDArray[np.float32]]:
    """The pictures of a file in grey: planes, or volumes of cubes as wide as a pixel."""
    volume = volumes.read(file)
    channels = volume.data.shape[-1] if "C" in volume.axes else 1
    gray = channels_first(volume, str(file), "luminance" if channels in (1, 3) else "0", 1)[0]
    dims = len(volume.spatial)
    stack: NDArray[Any] = gray.reshape(-1, *gray.shape[gray.ndim - dims :]).astype(np.float32)
    if dims == 3 and volume.spacing:
        depth = max(1, round(stack.shape[1] * volume.spacing[0] / volume.spacing[2]))
        return [resize.linear(one, (depth, *one.shape[1:])) for one in stack]
    return list(stack)
