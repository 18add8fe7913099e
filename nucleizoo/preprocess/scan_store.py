"""Scans in memory as far as they fit, the rest in a file that needs no decoding."""

from __future__ import annotations

import mmap
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.preprocess.scan import Picture, Scan


class Store:
    """Pictures in the order in which they were added: fill it first, then read from it.

    Scans that do not fit in memory go uncompressed to a temporary file, from which a crop reads only
    its own bytes. Forked processes share both. The file has no name: it is deleted with the last of
    them, however that ends.

    Args:
        limit: bytes of scans to keep in memory.

    Attributes:
        nbytes: size of all scans, wherever they are.
    """

    def __init__(self, limit: float) -> None:
        self._limit, self.nbytes = limit, 0
        self._kept: list[Picture | _Outlined] = []

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Picture:
        """One picture; the arrays of a scan in the temporary file are read-only views."""
        kept = self._kept[index]
        if not isinstance(kept, _Outlined):
            return kept
        start, outline = kept.start, kept.scan
        image, labels = self._view(start, outline.image), outline.labels
        if labels is not None:
            labels = self._view(start + image.nbytes, labels)
        return replace(outline, image=image, labels=labels)

    @property
    def overflows(self) -> bool:
        """Whether there are scans in the temporary file."""
        return any(isinstance(kept, _Outlined) for kept in self._kept)

    def add(self, picture: Picture) -> None:
        """Keep a picture; once one does not fit in memory, all further scans go to the file.

        Raises:
            UserError: when the file cannot be written, most often because the disk is full.
        """
        self.nbytes += picture.nbytes
        if isinstance(picture, Scan) and self.nbytes > self._limit:
            self._kept.append(self._filed(picture))
        else:
            self._kept.append(picture)

    def _filed(self, scan: Scan) -> _Outlined:
        try:
            start = self._file.tell()
            self._write(scan.image)
            if scan.labels is not None:
                self._write(scan.labels)
        except OSError as error:
            raise UserError(
                f"images beyond CACHE_GB ({self._limit / 1e9:g}) go to a temporary file, which cannot be "
                f"written in {tempfile.gettempdir()}: {error.strerror}; raise CACHE_GB if there is memory, "
                "or set the environment variable TMPDIR to a folder on a larger disk"
            ) from error
        labels = None if scan.labels is None else _outline(scan.labels)
        return _Outlined(start, replace(scan, image=_outline(scan.image), labels=labels))

    @cached_property
    def _file(self) -> Any:
        return tempfile.TemporaryFile(buffering=0)

    @cached_property
    def _map(self) -> mmap.mmap:
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def _write(self, array: NDArray[Any]) -> None:
        rest = np.ascontiguousarray(array).data.cast("B")
        while rest:  # one call writes 2 GB at most
            rest = rest[self._file.write(rest) :]

    def _view(self, start: int, like: NDArray[Any]) -> NDArray[Any]:
        flat: NDArray[Any] = np.frombuffer(self._map, like.dtype, like.size, start)
        return flat.reshape(like.shape)


@dataclass(frozen=True, eq=False)
class _Outlined:
    """Where a scan begins in the temporary file, and its outline."""

    start: int
    scan: Scan


def _outline(array: NDArray[Any]) -> NDArray[Any]:
    """Shape and type of an array without its memory."""
    return np.broadcast_to(array.dtype.type(0), array.shape)
