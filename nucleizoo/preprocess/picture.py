"""A picture that crops can be cut out of, wherever it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from nucleizoo.contracts import Sample
from nucleizoo.ops.image.crops import random_start, separate


class Picture(Protocol):
    """One image or volume, with labels if there are any: in memory (`Scan`) or in files (`LazyPicture`)."""

    @property
    def extent(self) -> tuple[int, ...]:
        """The spatial shape, on the voxels that the network sees."""

    @property
    def nbytes(self) -> int:
        """Memory it takes; 0 for one that stays in its files, and may be sent to other processes."""

    def cut(self, start: tuple[int, ...], size: tuple[int, ...]) -> Sample:
        """A window: the picture (C, *size) in [-1, 1], labels (*size). Beyond its border it is mirrored.

        Raises:
            ImageReadError: when a file cannot be read any more.
        """


def random_crop(picture: Picture, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
    """Cut a window of exactly `size` out of a picture, at a random place.

    One that is smaller goes on as its mirror image. Labels are mirrored with the picture, so
    that each voxel keeps its truth, and then numbered anew by connected pieces: a mirrored copy is
    a nucleus of its own.

    Raises:
        ValueError: when `size` has another number of axes than the picture.
        ImageReadError: when a file cannot be read any more.
    """
    sample = picture.cut(random_start(picture.extent, size, rng), size)
    if sample.labels is not None and any(n < m for n, m in zip(picture.extent, size, strict=True)):
        return replace(sample, labels=separate(sample.labels))
    return sample
