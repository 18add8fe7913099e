"""The pictures of a file, ready for the network, and crops of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Sample
from nucleizoo.ops.image.crops import crop, random_start, separate
from nucleizoo.ops.image.geometry import Voxels


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


@dataclass(frozen=True)
class Stack:
    """The axes of a file besides those of one picture.

    Attributes:
        axes: their letters, 'T', 'Z' or 'TZ'; '' for a file of one picture.
        shape: their lengths.
        spacing: micrometres from plane to plane, where Z is among them and it is known; else ().
    """

    axes: str = ""
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Scan:
    """One image or volume, scaled and resampled.

    Attributes:
        image: (C, *S) float32 in [-1, 1].
        spacing: voxel size of `image` in micrometres, in axis order; () when unknown.
        shape: the spatial shape in the file, before resampling.
        file_spacing: voxel size in the file in micrometres, in axis order; () when unknown.
        magnification: factor of the resampling, per axis.
        labels: (*S) int32, 0 = background, on the voxels of `image`; None where there are none.
        stack: the stack of pictures in the file of which this is one.
    """

    image: NDArray[np.float32]
    spacing: tuple[float, ...]
    shape: tuple[int, ...]
    file_spacing: tuple[float, ...] = ()
    magnification: tuple[float, ...] = ()
    labels: NDArray[np.int32] | None = None
    stack: Stack = field(default_factory=Stack)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.image.nbytes + (0 if self.labels is None else self.labels.nbytes)

    @property
    def voxels(self) -> Voxels:
        """Those of the file."""
        return Voxels(len(self.shape), self.file_spacing, self.magnification)

    @property
    def extent(self) -> tuple[int, ...]:
        """The spatial shape of `image`."""
        return self.image.shape[1:]

    def cut(self, start: tuple[int, ...], size: tuple[int, ...]) -> Sample:
        """See `Picture`."""
        labels = None if self.labels is None else crop(self.labels, start, size)
        return Sample(crop(self.image, start, size), labels, spacing=self.spacing)


@dataclass(frozen=True, eq=False)
class LabelFile:
    """The instance labels in one file, resampled as images are.

    Attributes:
        planes: (*S) int32 for every picture of the file, 0 = background.
        spacing: voxel size of the planes in micrometres, in axis order; () when unknown.
        stack: the stack that they make in the file.
    """

    planes: list[NDArray[np.int32]]
    spacing: tuple[float, ...]
    stack: Stack


def random_crop(picture: Picture, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
    """Cut a window of exactly `size` out of a picture, at a random place.

    A smaller picture is padded by reflection. Labels are reflected with the picture, so that each
    voxel keeps its label, and then renumbered by connected components: a reflected copy is a
    nucleus of its own.

    Raises:
        ValueError: when `size` and picture differ in their number of axes.
        ImageReadError: when a file cannot be read any more.
    """
    sample = picture.cut(random_start(picture.extent, size, rng), size)
    if sample.labels is not None and any(n < m for n, m in zip(picture.extent, size, strict=True)):
        return replace(sample, labels=separate(sample.labels))
    return sample
