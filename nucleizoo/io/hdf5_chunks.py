"""The chunks of an HDF5 dataset: which were never written, and which may be decoded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import h5py

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.bombs import Bytes, reason
from nucleizoo.io.chunks import Cut, Load, check_claim, cut_apart, grid_of

_CODECS = {h5py.h5z.FILTER_DEFLATE: "zlib", 32001: "blosc", 32015: "zstd"}
"""Names of filters by their numbers."""


def guarded(data: Any) -> Load:
    """Reads parts of a dataset, after a look at each chunk: a bomb is not decoded.

    Raises:
        ImageReadError: when it reads, for a bomb.
    """
    made = data.id.get_create_plist()
    filters = [made.get_filter(index)[0] for index in range(made.get_nfilters())]
    if not filters:
        return data.__getitem__  # type: ignore[no-any-return]
    appended = 4 * (filters[-1] == h5py.h5z.FILTER_FLETCHER32)
    codec = next((_CODECS.get(one, "") for one in reversed(filters) if one != h5py.h5z.FILTER_FLETCHER32), "")
    most = math.prod(data.chunks) * data.dtype.itemsize

    def load(cut: Cut) -> Any:
        for part in cut_apart(cut, data.chunks):
            place = tuple(c.start // n * n for c, n in zip(part, data.chunks, strict=True))
            stored = data.id.get_chunk_info_by_coord(place)
            if stored.byte_offset is not None and (
                found := reason(codec, stored.size - appended, _bytes_of(data, place), most)
            ):
                raise ImageReadError(f"{data.file.filename}: {found}; copy it again, or leave it out")
        return data[cut]

    return load


def _bytes_of(data: Any, place: tuple[int, ...]) -> Bytes:
    return lambda start, stop: data.id.read_direct_chunk(place)[1][start:stop]


def absent(name: str, data: Any, chunks: tuple[int, ...]) -> tuple[int, Iterable[tuple[int, ...]]]:
    """The number of chunks of a dataset that were never written, and their positions.

    Args:
        name: for messages.
        data: a dataset.
        chunks: its own, or a substitute where it has none; then either all or none exist.

    Raises:
        ImageReadError: for a shape that claims far more chunks than there are.
    """
    count = math.prod(-(-n // c) for n, c in zip(data.shape, chunks, strict=True))
    there = int(data.id.get_num_chunks()) if data.chunks else count * bool(data.id.get_storage_size())
    if there >= count:
        return 0, ()
    check_claim(name, count, lambda: there)
    written: set[tuple[int, ...]] = set()

    def note(chunk: Any) -> None:
        written.add(tuple(o // c for o, c in zip(chunk.chunk_offset, chunks, strict=True)))

    if data.chunks:
        data.id.chunk_iter(note)
    return count - there, (place for place in grid_of(data.shape, chunks) if place not in written)


def decoding(data: Any) -> int:
    """Bytes that decoding a chunk takes at most: before and after a filter; 0 without filters."""
    filters = data.id.get_create_plist().get_nfilters()
    return 2 * math.prod(data.chunks) * int(data.dtype.itemsize) if filters else 0
