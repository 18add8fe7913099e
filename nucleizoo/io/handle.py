"""Files that stay open between reads, opened separately by each process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nucleizoo.io.lazy_open import open_lazily
from nucleizoo.io.lazy_volume import LazyVolume

MOST = 64
"""Files that one process keeps open; operating systems allow a few hundred."""


@dataclass(frozen=True)
class Handle:
    """A file that each process opens when it first reads from it; can be sent to other processes.

    Attributes:
        path: a file or Zarr folder.
        dataset: see `open_lazily`.
        usual: see `open_lazily`.
    """

    path: Path
    dataset: str = ""
    usual: str = "image"

    def open(self) -> LazyVolume:
        """The volume, open in this process. Missing chunks are not looked for.

        Raises:
            ImageReadError: as `open_lazily`.
        """
        return _OPEN.get(self)


class _Open:
    """The volumes that this process has open, least recently used first."""

    def __init__(self) -> None:
        self.process, self.volumes = os.getpid(), dict[Handle, LazyVolume]()

    def get(self, handle: Handle) -> LazyVolume:
        if self.process != os.getpid():  # forked: HDF5 would continue with the parent's open files
            self.process = os.getpid()
            while self.volumes:
                self._close_oldest()
        volume = self.volumes.pop(handle, None)
        if volume is None:
            if len(self.volumes) >= MOST:
                self._close_oldest()
            volume = open_lazily(handle.path, dataset=handle.dataset, usual=handle.usual, missing=True)
        self.volumes[handle] = volume
        return volume

    def _close_oldest(self) -> None:
        self.volumes.pop(next(iter(self.volumes))).close()


_OPEN = _Open()
