"""Read label files, for training, scoring and translation alike: other files are refused or doubted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import Volume
from nucleizoo.ops.labels.components import parts
from nucleizoo.preprocess import label_doubts
from nucleizoo.preprocess.layout import as_labels

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelFiles:
    """How a command reads its label files.

    Attributes:
        dataset: of HDF5 files and Zarr groups; '' takes the one called `usual`, or the only one, or, of an
            OME-Zarr image, what is in its group `labels`.
        usual: see `dataset`.
        components: whether a file with one label is a mask, whose connected parts are nuclei.
        mask_remedy: how this command treats a mask as such, in words.
        stack_remedy: what to do with planes that are numbered separately, in words.
    """

    dataset: str = ""
    usual: str = "label"
    components: bool = False
    mask_remedy: str = "give every nucleus a number of its own, as skimage.measure.label does"
    stack_remedy: str = "number nuclei through all planes"

    def read(self, path: Path, *, missing: bool = False) -> Volume:
        """Read instance labels as they are in a file: int32, 0 = background, without a channel axis.

        Args:
            path: of the file.
            missing: whether chunks of a Zarr array may be missing; they hold its fill value then.

        Raises:
            ImageReadError: when it cannot be read, or does not hold labels.
        """
        check_lossless(path)
        volume = io.read(path, dataset=self.dataset, usual=self.usual, missing=missing)
        labels = as_labels(volume, str(path))
        if self.components and ((labels == 0) | (labels == labels.max())).all():
            labels = parts(labels)
        return Volume(labels, volume.axes.replace("C", ""), volume.spacing)

    def doubt(
        self, path: Path | str, pictures: Sequence[NDArray[np.int32]], *, volumes: bool = False
    ) -> None:
        """Warn of labels that are suspicious, such as a mask.

        Args:
            path: of their file.
            pictures: (*S) each, as they are used; some planes of a large file.
            volumes: whether they are whole volumes, or stacks taken for such.
        """
        told = [label_doubts.about(pictures, self.mask_remedy)]
        if volumes:
            told += [label_doubts.about_stack(labels, self.stack_remedy) for labels in pictures]
        for one in dict.fromkeys(filter(None, told)):
            log.warning("%s: %s", path, one)


def check_lossless(path: Path) -> None:
    """Refuse a file whose compression changes labels at their borders.

    Raises:
        ImageReadError: for a JPEG, and a TIFF compressed as such.
    """
    if io.is_jpeg(path) or (path.suffix.lower() in (".tif", ".tiff") and _is_lossy(path)):
        raise ImageReadError(
            f"{path}: is compressed as JPEG, which changes labels at their borders; save them again "
            "from their source, as PNG or as TIFF with another compression"
        )


def _is_lossy(path: Path) -> bool:
    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            page = file.pages.first
            return page.compression in _LOSSY and page.bitspersample == 8  # JPEG of 16 bits is without loss
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return False  # whoever reads it says what is wrong


_LOSSY = (
    tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.JPEG_LOSSY,
)  # fmt: skip
"""Compressions of TIFF."""
