"""Settings of synthetic masks, measured on unlabelled images: to be printed, or used where none are set."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from yacs.config import CfgNode

from nucleizoo import build, io
from nucleizoo.contracts import Dataset
from nucleizoo.core.config import recipe_of
from nucleizoo.core.errors import ConfigError, UserError
from nucleizoo.defaults import DEFAULTS
from nucleizoo.kinds import DATASETS
from nucleizoo.ops.image import resize
from nucleizoo.ops.labels.overlay import outline
from nucleizoo.ops.synthesis.nucleus_size import WINDOW, Sizes, measure_sizes
from nucleizoo.preprocess import channels_first

log = logging.getLogger(__name__)

MOST = 24
"""Most images that are measured, evenly spread over all."""

VOXELS = 16_000_000
"""Voxels after which no further image is measured; for volumes this many take most of a minute."""


_Read = tuple[NDArray[np.float32], tuple[float, ...]]
"""An image of cubic voxels, and the voxel size of its file."""


def measure(
    files: Sequence[Path], picture: str | Path | None = None, *, channel: str = "auto", dataset: str = ""
) -> Sizes:
    """Measure nuclei, and draw those of the first image.

    Args:
        files: images or volumes; each plane of a stack without a depth axis is an image.
        picture: PNG file to write; an older one is replaced, a file of other software is kept.
        channel: of the files, as `preprocess.Reader` takes it.
        dataset: of HDF5 files and Zarr groups; '' takes 'image', or the only one.

    Returns:
        Lengths in pixels of the last axis; the window in voxels of the first file.

    Raises:
        UserError: when planes and volumes are mixed, no nucleus is found, or a file has several channels or
            datasets and none is named.
    """
    if picture is not None:
        if Path(picture).suffix.lower() != ".png":
            raise UserError(f"{picture}: is drawn as a PNG; name a file such as nuclei.png")
        io.check_replaceable(picture, "png")
    chosen = files[:: -(-len(files) // MOST)]
    read = list(_enough(one for file in chosen for one in _images(file, channel, dataset)))
    images = [image for image, _ in read]
    if len({image.ndim for image in images}) > 1:
        raise UserError("there are both planes and volumes among the images; measure them separately")
    try:
        sizes = measure_sizes(images)
    except ValueError as error:
        raise UserError(f"{files[0]} and {len(files) - 1} more: {error}") from error
    if picture is not None:
        io.write_png(picture, outline(images[0], sizes.labels[0]))
    return sizes.in_voxels(read[0][1])


def settings(sizes: Sizes) -> str:
    """The measured settings as YAML, to be copied into a configuration."""

    def both(values: tuple[float, float], digits: int) -> str:
        return f"[{values[0]:.{digits}f}, {values[1]:.{digits}f}]"

    lines = [
        "DATASET:",
        "  SOURCE:",
        f"    NAME: {DEFAULTS['DATASET']['SOURCE'].name}",
        f"    SEMI_AXIS: {both(sizes.semi_axis, 1)}",
        f"    ECCENTRICITY: {both(sizes.eccentricity, 2)}",
        f"    COUNT: {both(sizes.count, 0)}",
        f"    PATCH: {list(sizes.window)}",
    ]
    return "\n".join([*lines[:1], *["  IMAGE: {SCALING: {INVERT: true}}"] * sizes.dark, *lines[1:]])


def completed(config: CfgNode, known: CfgNode | None = None) -> tuple[CfgNode, Dataset | None]:
    """Fill in the settings of DATASET.SOURCE that are left empty, as measured on DATASET.IMAGE.

    The images are measured as training sees them, resampled, but with linear intensities.

    Args:
        config: of a training.
        known: the configuration of the run that is resumed; measured settings are taken from it.

    Returns:
        The configuration, and DATASET.IMAGE if it was opened for this.

    Raises:
        ConfigError: when the images show no nucleus.
    """
    recipe = recipe_of(config.DATASET.SOURCE, DATASETS)
    entry = DATASETS.get(recipe.name)
    names, images = entry.unmeasured(recipe.settings), None
    if not names:
        return config, None
    if known is not None and known.DATASET.SOURCE.NAME == recipe.name:
        values = {name: known.DATASET.SOURCE[name.upper()] for name in names}
    else:
        images = build.image_dataset(config)
        try:
            values = entry.measured(*_crops(images, config))
        except ValueError as error:
            raise ConfigError(
                f"DATASET.SOURCE: {', '.join(sorted(name.upper() for name in names))} cannot be measured on "
                f"the images of DATASET.IMAGE ({error}); set them in the configuration"
            ) from error
        log.info(
            "measured on the images: %s", ", ".join(f"{n.upper()} {list(values[n])}" for n in sorted(names))
        )
    whole = config.clone()
    whole.defrost()
    for name in names:
        whole.DATASET.SOURCE[name.upper()] = values[name]
    whole.freeze()
    return whole, images


def _crops(images: Dataset, config: CfgNode) -> tuple[list[NDArray[np.float32]], tuple[float, ...]]:
    """Windows of the images to be segmented, in cubic voxels, and the voxel size used in training."""
    rng, window = np.random.default_rng(config.SYSTEM.SEED), WINDOW[len(config.DATASET.SIZE)]
    crops, voxels = list[NDArray[np.float32]](), 0
    spacing: tuple[float, ...] = ()
    while len(crops) < MOST and voxels < VOXELS:
        sample = images.sample_at_most(rng, window)
        assert sample.image is not None
        spacing = sample.spacing
        crops.append(_cubic(images.straight(sample.image).mean(0), sample.spacing))
        voxels += crops[-1].size
    return crops, spacing


def _enough(images: Iterable[_Read]) -> Iterator[_Read]:
    """Images, until there are `MOST` of them or `VOXELS` voxels."""
    voxels = 0
    for index, (image, spacing) in enumerate(images):
        if index == MOST or (voxels and voxels + image.size > VOXELS):
            return
        voxels += image.size
        yield image, spacing


def _images(file: Path, channel: str, dataset: str) -> list[_Read]:
    """The pictures of a file in grey: planes, or volumes resampled to cubes as wide as a pixel."""
    volume = io.read(file, dataset=dataset)
    gray = channels_first(volume, str(file), channel, 1)[0]
    dims = len(volume.spatial)
    stack: NDArray[Any] = gray.reshape(-1, *gray.shape[gray.ndim - dims :]).astype(np.float32)
    spacing = volume.spacing[-dims:]
    return [(_cubic(one, spacing), spacing) for one in stack]


def _cubic(picture: NDArray[np.float32], spacing: tuple[float, ...]) -> NDArray[np.float32]:
    """A volume resampled along its depth to cubes as wide as a pixel; a plane unchanged."""
    if picture.ndim < 3 or not spacing:
        return picture
    return resize.linear(picture, (max(1, round(len(picture) * spacing[0] / spacing[2])), *picture.shape[1:]))
