"""The items of a data set, and how their arrays are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import Volume
from nucleizoo.preprocess import as_labels, check_same_shape

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Place:
    """Where an array lies: a file, a dataset in it (HDF5), one plane of it (None: all).

    Or a series of files, its planes, of which `path` is the first.
    """

    path: Path
    dataset: str = ""
    plane: int | None = None
    files: tuple[Path, ...] = ()

    def read(self, usual: str = "image") -> Volume:
        """The array.

        Raises:
            ImageReadError: when it cannot be read, or has no such plane.
        """
        if self.files:
            return self._joined()
        volume = io.read(self.path, dataset=self.dataset, usual=usual)
        if self.plane is None:
            return volume
        axes, stack = volume.axes, volume.axes[0]
        if stack not in "TZ" or self.plane >= volume.data.shape[0]:
            raise ImageReadError(f"{self.path}: has no plane {self.plane}, its shape is {volume.data.shape}")
        return Volume(volume.data[self.plane], axes[1:], volume.spacing[-2:])

    def _joined(self) -> Volume:
        planes = [io.read(file) for file in self.files]
        for file, plane in zip(self.files, planes, strict=True):
            check_same_shape(
                file, [plane.data.shape], self.path, [planes[0].data.shape], "unpack the set again"
            )
        return Volume(np.stack([plane.data for plane in planes]), f"Z{planes[0].axes}", ())


@dataclass(frozen=True)
class Item:
    """One picture or volume.

    Attributes:
        name: of the files that are written; unique in the set.
        split: one of `SPLITS`; sets without a split are all 'train'.
        image: the picture.
        labels: one number per nucleus; None when it is not annotated.
        masks: instead of `labels`: one picture per nucleus, which is not 0 in it.
        markers: one dot or more in each nucleus, for DET.
        planes: of a volume of which only planes are annotated: number and labels of each.
        spacing: micrometres in axis order, where it differs within the set; else ().
    """

    name: str
    split: str
    image: Place
    labels: Place | None = None
    masks: tuple[Path, ...] = ()
    markers: Place | None = None
    spacing: tuple[float, ...] = ()
    planes: tuple[tuple[str, Place], ...] = ()

    @property
    def is_labelled(self) -> bool:
        """Whether nuclei are annotated."""
        return self.labels is not None or bool(self.masks)

    def read_labels(self) -> NDArray[np.int32]:
        """Instance labels, 0 = background.

        Raises:
            ImageReadError: for what cannot be read as labels, or masks of different shapes.
        """
        if self.labels is not None:
            return as_labels(self.labels.read("label"), str(self.labels.path))
        return _joined(self.masks)


@dataclass(frozen=True)
class Listing:
    """What a folder holds: its items, and the files that should be there and are not."""

    items: tuple[Item, ...]
    missing: tuple[str, ...] = ()


def _joined(masks: tuple[Path, ...]) -> NDArray[np.int32]:
    """One picture per nucleus -> labels; where two overlap, the later one wins."""
    labels: NDArray[np.int32] | None = None
    for number, path in enumerate(masks, start=1):
        volume = io.read(path)
        nonzero = np.asarray(volume.data != 0)
        mask = np.asarray(nonzero.any(axis=-1)) if "C" in volume.axes else nonzero
        labels = np.zeros(mask.shape, np.int32) if labels is None else labels
        check_same_shape(path, [mask.shape], masks[0], [labels.shape], "unpack the set again")
        labels[mask] = number
    assert labels is not None
    return labels
