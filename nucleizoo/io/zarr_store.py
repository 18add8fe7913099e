"""Zarr folders as stores: neither links that lead outside are followed, nor chunks decoded that are bombs."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once
from nucleizoo.io.bombs import Bytes, reason
from nucleizoo.io.zarr_folder import ATTRIBUTES, METADATA, codecs_of, is_json, is_zarr

log = logging.getLogger(__name__)

_CHECKSUMS = {"crc32c": 4, "fletcher32": 4, "adler32": 4, "crc32": 4}
"""Codecs that only append bytes, and how many."""

_FILTERED = 8
"""A filter may turn a byte into a value of so many."""

_SHARDS, _FOLDERS = 1024, 4096
"""Shards that are remembered as checked, and folders of which it is remembered where they are."""


class GuardedStore(LocalStore):
    """The files in a folder that may be read.

    Args:
        root: the folder of an array or group; links may lead to what is in the Zarr folders around it.
        read_only: see `LocalStore`.
    """

    def __init__(self, root: Path | str, *, read_only: bool = True) -> None:
        super().__init__(root, read_only=read_only)
        outermost = [self.root, *takewhile(is_zarr, Path(os.path.abspath(self.root)).parents)][-1]
        self._within = os.path.realpath(outermost)
        self._layout: _Layout | None = None
        self._real = lru_cache(_FOLDERS)(os.path.realpath)
        self._check_shard = lru_cache(_SHARDS)(self._check_whole_shard)

    def guard(self, array: Any) -> None:
        """Check the chunks of an array from now on."""
        self._layout = _Layout.of(array, self.root / array.path)

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The content of a file or a part of it; None where there is none.

        Raises:
            ImageReadError: for a link that leads outside, or a bomb.
        """
        file = str(self.root / key)
        self._check_link(file)
        layout, name = self._layout, key.rpartition("/")[2]
        if layout and layout.pieces and name not in METADATA and os.path.isfile(file):
            self._check_shard(file)
        found = await super().get(key, prototype, byte_range)
        if name == ATTRIBUTES and found is not None and not is_json(found.to_bytes()):
            warn_once(log, f"{file}: cannot be read, and is left out; axes and voxel size may be lost")
            return None
        if layout and not layout.pieces and name not in METADATA and found is not None and byte_range is None:
            stored = found.as_numpy_array()
            self._check_chunk(file, len(stored), lambda start, stop: stored[start:stop].tobytes())
        return found

    def _check_link(self, file: str) -> None:
        folder, name = os.path.split(file)
        real = os.path.join(self._real(folder), name)
        real = self._real(file) if os.path.islink(real) else real
        if not real.startswith(self._within + os.sep):
            raise ImageReadError(f"{file}: is a link that leads out of the Zarr folder; copy the data itself")

    def _check_whole_shard(self, file: str) -> None:
        """Check all chunks in the file of a shard."""
        layout = self._layout
        assert layout is not None
        with open(file, "rb") as opened:

            def read_from(origin: int, start: int, stop: int) -> bytes:
                opened.seek(origin + start)
                return opened.read(stop - start)

            for start, length in layout.chunks_in(os.fstat(opened.fileno()).st_size, partial(read_from, 0)):
                self._check_chunk(file, length, partial(read_from, start))

    def _check_chunk(self, file: str, size: int, read: Bytes) -> None:
        layout = self._layout
        assert layout is not None
        if found := reason(layout.codec, size - layout.appended, read, layout.most):
            raise ImageReadError(f"{file}: {found}; copy it again, or leave it out")


@dataclass(frozen=True)
class _Layout:
    """How the chunks of an array are stored.

    Attributes:
        most: bytes in a decoded chunk.
        codec: that a chunk is decoded with first, besides checksums.
        appended: bytes of these.
        pieces: chunks in a shard; 0 without shards.
        index: bytes of the index of a shard.
        is_at_start: whether that comes first.
    """

    most: int
    codec: str
    appended: int
    pieces: int = 0
    index: int = 0
    is_at_start: bool = False

    @classmethod
    def of(cls, array: Any, folder: Path) -> _Layout:
        codecs = [name.removeprefix("numcodecs.") for name in codecs_of(folder)]
        appended = 0
        while codecs and codecs[-1] in _CHECKSUMS:
            appended += _CHECKSUMS[codecs.pop()]
        most = math.prod(array.chunks) * array.dtype.itemsize * (_FILTERED if array.filters else 1)
        nested = codecs.count("sharding_indexed") > 1
        codec = codecs[-1] if codecs and not nested else ""
        if not array.shards:
            return cls(most, codec, appended)
        sharding = array.metadata.codecs[-1]
        pieces = math.prod(s // c for s, c in zip(array.shards, array.chunks, strict=True))
        index = 16 * pieces + 4 * (len(sharding.index_codecs) > 1)
        return cls(most, codec, appended, pieces, index, sharding.index_location.value == "start")

    def chunks_in(self, size: int, read: Bytes) -> list[tuple[int, int]]:
        """Start and length of the chunks in a file of a size."""
        if not self.pieces:
            return [(0, size)]
        start = 0 if self.is_at_start else size - self.index
        stored = read(start, start + 16 * self.pieces) if start >= 0 else b""
        if len(stored) < 16 * self.pieces:
            return []  # damaged
        # Python's numbers do not overflow: an empty chunk is at the largest of 64 bits
        found = np.frombuffer(stored, "<u8").reshape(-1, 2).tolist()
        return [(at, length) for at, length in found if at + length <= size]
