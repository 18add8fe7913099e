"""Many files to draw from, each decoded once."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from nucleizoo.preprocess.scan import Picture
from nucleizoo.preprocess.scan_store import Store

log = logging.getLogger(__name__)


class Library:
    """The pictures of many files, each equally likely to be drawn.

    Every file is read once, at the start, so that a damaged one stops a run there and not midway.
    Scans are kept as float32: bit for bit what prediction sees, and a crop needs no conversion.
    What does not fit in memory goes to a temporary file.

    A copy that is sent to another process reads the files again when it is first drawn from: scans
    are not sent. Pictures that stay in their files are, with what was measured on them.

    Args:
        load: gives the pictures of the file with an index.
        count: number of files, at least 1.
        cache_gb: memory for scans, in 10^9 bytes.

    Raises:
        ValueError: for a negative `cache_gb`.
        ImageReadError: for the first file that cannot be used.
        UserError: when the temporary file cannot be written.
    """

    def __init__(self, load: Callable[[int], Sequence[Picture]], count: int, cache_gb: float) -> None:
        if cache_gb < 0:
            raise ValueError(f"CACHE_GB must not be below 0, got {cache_gb}")
        self._load, self._count, self._limit = load, count, cache_gb * 1e9
        self._light = dict[int, Sequence[Picture]]()
        if self._scans.overflows:
            log.info(
                "%.1f GB of images: those beyond CACHE_GB (%g) are kept in a temporary file in %s",
                self._scans.nbytes / 1e9, cache_gb, tempfile.gettempdir(),
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self._scans)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_scans"}

    def draw(self, rng: np.random.Generator) -> Picture:
        """A random picture; each plane of a stack counts as one.

        Raises:
            ImageReadError: in another process, when a file has disappeared since the start.
        """
        return self._scans[int(rng.integers(len(self._scans)))]

    @cached_property
    def _scans(self) -> Store:
        scans = Store(self._limit)
        for file in range(self._count):
            pictures = self._light.get(file) or self._load(file)
            for picture in pictures:
                scans.add(picture)
            if not any(picture.nbytes for picture in pictures):
                self._light[file] = pictures
        return scans
