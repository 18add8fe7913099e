"""Many files to draw from, each decoded once."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from nucleizoo.contracts import Sample
from nucleizoo.ops.crops import crop, random_start, separate
from nucleizoo.reading._scan import Scan
from nucleizoo.reading._store import Store

log = logging.getLogger(__name__)


class Library:
    """The scans of many files, each equally likely to be drawn.

    Every file is read once, at the start, so a damaged one stops a run there and not in its middle.
    Scans are kept as float32: they are what prediction sees, to the bit, and a crop needs no
    conversion. What does not fit in memory goes to a temporary file.

    A copy that is sent to another process reads the files there, when it is first drawn from: scans
    do not travel.

    Args:
        load: the scans of the file with an index.
        count: number of files, at least 1.
        cache_gb: memory for scans, in 10^9 bytes.

    Raises:
        ValueError: for a negative `cache_gb`.
        ImageReadError: for the first file that cannot be used.
        UserError: when the temporary file cannot be written.
    """

    def __init__(self, load: Callable[[int], list[Scan]], count: int, cache_gb: float) -> None:
        if cache_gb < 0:
            raise ValueError(f"CACHE_GB must not be below 0, got {cache_gb}")
        self._load, self._count, self._limit = load, count, cache_gb * 1e9
        if self._scans.overflows:
            log.info(
                "%.1f GB of images: those beyond CACHE_GB (%g) are kept in a temporary file in %s",
                self._scans.nbytes / 1e9, cache_gb, tempfile.gettempdir(),
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self._scans)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_scans"}

    def draw(self, rng: np.random.Generator) -> Scan:
        """A random scan; planes of a stack count one each.

        Raises:
            ImageReadError: in another process, when a file has gone since the start.
        """
        return self._scans[int(rng.integers(len(self._scans)))]

    @cached_property
    def _scans(self) -> Store:
        scans = Store(self._limit)
        for file in range(self._count):
            for scan in self._load(file):
                scans.add(scan)
        return scans


def random_crop(scan: Scan, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
    """Cut a window of exactly `size` out of a scan, at a random place.

    A scan that is smaller goes on as its mirror image. Labels are mirrored with the picture, so
    that each voxel keeps its truth, and then numbered anew by connected pieces: a mirrored copy is
    a nucleus of its own.

    Raises:
        ValueError: when `size` has another number of axes than the scan.
    """
    shape = scan.image.shape[1:]
    start = random_start(shape, size, rng)
    labels = None if scan.labels is None else crop(scan.labels, start, size)
    if labels is not None and any(n < wanted for n, wanted in zip(shape, size, strict=True)):
        labels = separate(labels)
    return Sample(crop(scan.image, start, size), labels, spacing=scan.spacing)
