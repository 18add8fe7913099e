"""Export crops as a training sees them: to look at, or as test data with known labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from yacs.config import CfgNode

from nucleizoo import build, io
from nucleizoo.contracts import Sample
from nucleizoo.core.errors import UserError
from nucleizoo.ops.labels.overlay import outline
from nucleizoo.training.autoconfig import completed
from nucleizoo.training.batches import draw

DOMAINS = {"image": build.image_dataset, "source": build.source_dataset}
"""Where samples are drawn from, by the names of DATASET's sections."""
SHOWN = 4
"""Crops in the panel."""
_SEED = 2
"""Keeps the random numbers of samples apart from those of training, whose third seed is 0 or 1."""


@dataclass(frozen=True)
class Written:
    """One crop: the file of its picture, and the number of nuclei in it; None where there are no labels."""

    path: Path
    count: int | None


def write(
    config: CfgNode, folder: Path, *, domain: str, count: int, size: tuple[int, ...], augment: bool
) -> Iterator[Written]:
    """Write crops to `images/0000.tif` and so on, their labels to `labels/`, the first to `panel.png`.

    Args:
        config: a checked configuration.
        folder: to write to, made if missing.
        domain: 'image' or 'source'.
        count: number of crops.
        size: of the crops, in pixels.
        augment: augment the crops as training does.

    Yields:
        What was written, crop by crop.

    Raises:
        UserError: when the folder already holds samples, or none can be drawn.
    """
    for name in ("images", "labels"):
        if (folder / name).exists():
            raise UserError(f"{folder / name} exists already; remove it, or choose another --out")
    io.check_replaceable(folder / "panel.png", "png")
    if domain == "source":
        config, _ = completed(config)
    dataset, target = DOMAINS[domain](config), build.target(config)
    vary = build.augment(config) if augment else None
    (folder / "images").mkdir(parents=True)
    shown = []
    for index in range(count):
        rng = np.random.default_rng((config.SYSTEM.SEED, index, _SEED + list(DOMAINS).index(domain)))
        sample = draw(dataset, vary, rng, size) if vary else dataset.sample(rng, size)
        if sample.image is None and sample.labels is not None:
            sample = replace(sample, image=target.picture_of(sample.labels, sample.spacing))
        yield _written(sample, folder, f"{index:04d}.tif")
        shown += [sample] if index < SHOWN else []
    io.write_png(folder / "panel.png", panel(shown))


def panel(samples: Sequence[Sample]) -> NDArray[np.uint8]:
    """Pictures side by side, and below them the same with the outlines of their nuclei.

    It shows the middle plane of volumes and the first of several channels. The upper row is as networks
    see it, the lower one has more contrast. Nuclei are numbered consecutively over all pictures.

    Args:
        samples: each with a picture, all of one size, and all or none with labels.

    Returns:
        (Y, X) grey where there are no labels, else (Y, X, 3).
    """
    pictures, labels, found = [], [], 0
    for sample in samples:
        assert sample.image is not None
        pictures.append(_framed((sample.image[0] + 1) / 2, 1.0))
        if sample.labels is not None:
            wide = sample.labels.astype(np.int64)  # large ids add up to more than 32 bits hold
            labels.append(_framed(np.where(wide > 0, wide + found, 0), 0))
            found += int(sample.labels.max())
    seen = np.concatenate(pictures, axis=1)
    grey = np.asarray(255 * np.clip(seen, 0, 1), np.uint8)
    if not labels:
        return grey
    outlined = outline(seen, np.concatenate(labels, axis=1))
    times = len(outlined) // len(grey)
    return np.concatenate([grey.repeat(times, 0).repeat(times, 1)[..., None].repeat(3, 2), outlined])


def _written(sample: Sample, folder: Path, name: str) -> Written:
    """Write a picture, with several channels just before y and x, and its labels."""
    assert sample.image is not None
    picture, axes = (sample.image + 1) / 2, "ZYX"[1 - sample.image.ndim :]
    if len(picture) > 1:
        picture, axes = np.moveaxis(picture, 0, -3), axes.replace("YX", "CYX")
    else:
        picture = picture[0]
    io.write_image(folder / "images" / name, picture, sample.spacing, axes)
    if sample.labels is None:
        return Written(folder / "images" / name, None)
    (folder / "labels").mkdir(exist_ok=True)
    io.write_labels(folder / "labels" / name, sample.labels, sample.spacing)
    return Written(folder / "images" / name, np.unique(sample.labels[sample.labels > 0]).size)


def _framed(array: NDArray[Any], value: float) -> NDArray[Any]:
    """The middle plane of (*S), with a frame of one pixel."""
    while array.ndim > 2:
        array = array[len(array) // 2]
    return np.pad(array, 1, constant_values=value)
