"""Many files to draw from, with as many in memory as may be."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from nucleizoo.contracts import Sample
from nucleizoo.ops.crops import crop, random_start, separate
from nucleizoo.reading._scan import Scan


class Library:
    """The scans of many files, each equally likely to be drawn.

    Every file is read once at the start, so a damaged one stops a run there and not in its middle.
    What was used last stays in memory, the rest is read again when it is drawn. Scans are kept as
    float32: they are what prediction sees, to the bit, and a crop needs no conversion.

    Args:
        load: the scans of the file with an index.
        count: number of files, at least 1.
        cache_gb: memory for scans, in 10^9 bytes; the file in use is kept whatever its size.

    Raises:
        ValueError: for a negative `cache_gb`.
        ImageReadError: for the first file that cannot be used.
    """

    def __init__(self, load: Callable[[int], list[Scan]], count: int, cache_gb: float) -> None:
        if cache_gb < 0:
            raise ValueError(f"CACHE_GB must not be below 0, got {cache_gb}")
        self._load, self._limit = load, cache_gb * 1e9
        self._kept: OrderedDict[int, list[Scan]] = OrderedDict()
        self._bytes = 0
        self._places = [(file, i) for file in range(count) for i in range(len(self._fetch(file)))]

    def __len__(self) -> int:
        return len(self._places)

    def draw(self, rng: np.random.Generator) -> Scan:
        """A random scan; planes of a stack count one each.

        Raises:
            ImageReadError: when a file has gone or changed since the start.
        """
        file, i = self._places[rng.integers(len(self._places))]
        return self._fetch(file)[i]

    def _fetch(self, file: int) -> list[Scan]:
        """The scans of a file, which becomes the one used last."""
        if file in self._kept:
            self._kept.move_to_end(file)
            return self._kept[file]
        scans = self._kept[file] = self._load(file)
        self._bytes += sum(scan.nbytes for scan in scans)
        while self._bytes > self._limit and len(self._kept) > 1:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= sum(scan.nbytes for scan in forgotten)
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
