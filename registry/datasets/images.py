"""Images without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo import io
from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.kinds import DATASETS
from nucleizoo.preprocess import Library, Picture, Reader, open_pictures, random_crop


@DATASETS.register("images")
class Images(Reader, Dataset):
    """Random crops of unlabelled images, drawn from all files of a folder.

    Args:
        path: a folder, a file or a pattern such as 'train/*.tif', relative to DATASET.ROOT. Labels and
            results beside the images, such as `a_label.tif` beside `a.png`, are left out.
        cache_gb: memory for images, in 10^9 bytes (4 bytes per voxel). Crops of a larger TIFF, HDF5, NumPy
            or Zarr file are read from the file; other images that do not fit go to a temporary file (in
            TMPDIR).

    Raises:
        ImageReadError: when there is no image, or one that cannot be used.
    """

    gives = frozenset({"image"})

    def __init__(self, spec: DataSpec, *, path: str = "", cache_gb: float = 4.0, **settings: Any) -> None:
        super().__init__(spec, **settings)
        self.files, self.room = io.find_pictures(spec.root / path), cache_gb * 1e9
        self.library = Library(self._load, len(self.files), cache_gb)

    def used_files(self) -> Sequence[Path]:
        """All images."""
        return self.files

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A random window of a random image; images smaller than `size` are mirrored."""
        return random_crop(self.library.draw(rng), rng, size)

    def sample_at_most(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A random window of a random image, no larger than it."""
        picture = self.library.draw(rng)
        return random_crop(picture, rng, tuple(map(min, size, picture.extent)))

    def _load(self, file: int) -> Sequence[Picture]:
        return open_pictures(self, self.files[file], self.room)
