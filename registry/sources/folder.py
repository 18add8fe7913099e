"""Images without labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from nucleizoo import volumes
from nucleizoo.contracts import Frame, Sample, Source
from nucleizoo.kinds import SOURCES
from nucleizoo.reading import Library, Reader, Scan, random_crop


@SOURCES.register("folder")
class Folder(Reader, Source):
    """Random crops of all images of a folder; any image, wherever the other domain stands.

    Args:
        path: a folder, a file or a pattern such as 'train/*.tif', from the root of the data.
        cache_gb: memory for images, in 10^9 bytes (4 bytes a voxel); the rest goes to a
            temporary file (in TMPDIR).

    Raises:
        ImageReadError: when there is no image, or one that cannot be used.
    """

    gives = frozenset({"image"})

    def __init__(self, frame: Frame, *, path: str = "", cache_gb: float = 4.0, **settings: Any) -> None:
        super().__init__(frame, **settings)
        self.files = volumes.find(frame.root / path)
        self.library = Library(self._load, len(self.files), cache_gb)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A random window of a random image; images smaller than `size` are mirrored."""
        return random_crop(self.library.draw(rng), rng, size)

    def part(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A random window of a random image, no larger than it."""
        scan = self.library.draw(rng)
        return random_crop(scan, rng, tuple(map(min, size, scan.image.shape[1:])))

    def _load(self, file: int) -> list[Scan]:
        return self.read(self.files[file])
