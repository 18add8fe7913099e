"""Images with labels, as pairs of files or datasets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo import io
from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.core.errors import ImageReadError
from nucleizoo.kinds import DATASETS
from nucleizoo.preprocess import LabelFiles, Labels, Library, Picture, Reader, open_pictures, random_crop


@DATASETS.register("labelled")
class Labelled(Reader, Dataset):
    """Random crops of labelled images or volumes.

    Args:
        images: a folder, a file or a pattern such as 'vol_*.h5', relative to DATASET.ROOT.
        labels: the same for the labels. Files are paired by name, `a.tif` with `a.png` or `a_label.png`. ''
            reads both from one HDF5 file or Zarr group per volume.
        pair_by: 'name', or 'order' where images and labels have other names and one natural order, 2 before
            10; the log says what was paired.
        label_dataset: the dataset of labels in HDF5 files and Zarr groups; '' takes 'label', or the only
            dataset of a file that holds only labels.
        components: whether a label file with one label is a mask, whose connected parts are nuclei.
        min_labelled: a crop with fewer labelled voxels is drawn again with the probability `redraw`
            (CySGAN's code [1]: 1000 in 17x129x129; 0: all crops are equally likely).
        redraw: that probability, at least 0 and below 1 ([1]: 0.9).
        diameter: that of the nuclei which the network shall see, in pixels: every file is magnified so that
            its median annotated nucleus, cut ones included, is as large as a disc or ball of that diameter,
            of cubic voxels. 0: files are read as they are.
        cache_gb: memory for images and labels, in 10^9 bytes (8 bytes per voxel). Crops of larger TIFF,
            HDF5, NumPy and Zarr files are read from the files; other images that do not fit go to a
            temporary file (in TMPDIR).

    Raises:
        ImageReadError: when files are missing, cannot be used, or do not match each other.
        ValueError: for a value out of range, or a `diameter` where ZOOM or DATASET.SPACING is set.

    Differs: [1] counts labelled voxels in the crop that training sees, after augmentation; here they are
    counted in what is drawn, which an augmentation may ask to be larger (its `reach`): more crops pass.

    References:
        [1] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for facts.
    """

    gives = frozenset({"image", "labels"})

    def __init__(
        self,
        spec: DataSpec,
        *,
        images: str = "",
        labels: str = "",
        pair_by: str = "name",
        label_dataset: str = "",
        components: bool = False,
        min_labelled: int = 0,
        redraw: float = 0.9,
        diameter: float = 0.0,
        cache_gb: float = 4.0,
        **settings: Any,
    ) -> None:
        super().__init__(spec, **settings)
        if min_labelled < 0 or not 0 <= redraw < 1:
            raise ValueError(
                "MIN_LABELLED must be 0 or more, and REDRAW at least 0 and below 1, got "
                f"{min_labelled} and {redraw}"
            )
        if pair_by not in io.PAIR_BY:
            raise ValueError(f"PAIR_BY must be {' or '.join(io.PAIR_BY)}, got '{pair_by}'")
        if not 0 <= diameter < math.inf:
            raise ValueError(f"DIAMETER must be 0 or more (pixels), got {diameter}")
        if diameter and (settings.get("zoom") or spec.spacing):
            other = "ZOOM" if settings.get("zoom") else "DATASET.SPACING"
            raise ValueError(f"DIAMETER and {other} both set the size of nuclei; leave one of them out")
        self.diameter = diameter
        self.min_labelled, self.redraw = min_labelled, redraw
        self.label_files = LabelFiles(
            label_dataset,
            components=components,
            mask_remedy="set the key COMPONENTS of this dataset to true: its parts are nuclei then",
        )
        self.room = cache_gb * 1e9
        if labels:
            self.pairs = io.pairs_of(spec.root / images, spec.root / labels, pair_by)
        else:
            self.pairs = [(file, file) for file in io.find_pictures(spec.root / images)]
        self.library = Library(self._load, len(self.pairs), cache_gb)

    def used_files(self) -> Sequence[Path]:
        """All images and label files."""
        return [file for pair in self.pairs for file in pair]

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A random window of a random picture with its labels; small ones are mirrored."""
        while True:
            drawn = random_crop(self.library.draw(rng), rng, size)
            assert drawn.labels is not None, "a labelled picture gave no labels"
            if np.count_nonzero(drawn.labels) >= self.min_labelled or rng.random() >= self.redraw:
                return drawn

    def _load(self, pair: int) -> Sequence[Picture]:
        """The pictures of one image file, with labels on the same voxels.

        Raises:
            ImageReadError: when one of the files cannot be used, or their shapes differ.
        """
        image, label = self.pairs[pair]
        if image == label and not (io.is_zarr(image) or image.suffix.lower() in (".h5", ".hdf5")):
            raise ImageReadError(f"{image}: contains no labels; name the label files with the key LABELS")
        files = self.label_files
        if image == label and not files.dataset and not (image / "labels").is_dir():
            # else the only dataset, which is the image, would be taken
            files = replace(files, dataset="label")
        return open_pictures(self, image, self.room, Labels(label, files, self.diameter))
