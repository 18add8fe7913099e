"""Chunks that would unpack to far more than they hold, known before they are decoded."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from nucleizoo.core.format import storage

Bytes = Callable[[int, int], bytes]
"""Reads the bytes of a stored chunk from a start to a stop."""

_TOLERANCE, _OVERHEAD = 1.1, 1024
"""What does not pack becomes larger by less than this factor and these bytes."""

_MOST_PACKED = 1032
"""The most that deflate packs a byte into."""

_LARGE = 2**30
"""Bytes that must be possible beyond what a chunk holds for it to be unpacked twice, to count."""

_PIECE = 2**16
"""Bytes that are unpacked at once, to at most 64 MB."""


def reason(codec: str, size: int, read: Bytes, most: int) -> str:
    """Why a chunk may not be decoded, in words; '' where nothing is wrong.

    Args:
        codec: that decodes it first.
        size: bytes that are stored.
        read: reads some of them.
        most: bytes that the chunk holds.
    """
    limit = _TOLERANCE * most + _OVERHEAD
    if size > limit:
        return f"is stored in {storage(size)}, but holds {storage(most)}"
    if (told := _declared(codec, size, read)) > limit:
        return f"would unpack to {storage(told)}, but holds {storage(most)}"
    if codec in ("gzip", "zlib") and size * _MOST_PACKED > limit + _LARGE and _inflates(read(0, size), limit):
        return f"would unpack to more than the {storage(most)} that it holds"
    return ""


def _declared(codec: str, size: int, read: Bytes) -> int:
    """The size after decoding that a stored chunk tells; 0 where it does not."""
    if codec not in ("gzip", "blosc", "lz4", "zstd"):
        return 0
    head = read(0, min(size, 18))
    if codec == "gzip" and size >= 18:
        return int.from_bytes(read(size - 4, size), "little")
    if codec == "blosc" and size >= 16:
        return int.from_bytes(head[4:8], "little")
    if codec == "lz4" and size >= 4:
        return int.from_bytes(head[:4], "little")
    if codec == "zstd" and head[:4] == b"\x28\xb5\x2f\xfd" and size >= 6:
        kind = head[4]
        is_single = kind >> 5 & 1
        width = (is_single, 2, 4, 8)[kind >> 6]
        start = 5 + (not is_single) + (0, 1, 2, 4)[kind & 3]
        return int.from_bytes(head[start : start + width], "little") + 256 * (width == 2)
    return 0


def _inflates(data: bytes, limit: float) -> bool:
    """Whether deflated data unpack to more than a limit; damaged data do not."""
    count, stream = 0, zlib.decompressobj(wbits=47)  # of either format
    try:
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            while piece and count <= limit:
                count += len(stream.decompress(piece))
                piece = stream.unused_data
                if stream.eof:
                    stream = zlib.decompressobj(wbits=47)
    except zlib.error:
        return False
    return count > limit
