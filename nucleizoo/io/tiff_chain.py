"""The chain of pages of a TIFF file, followed to its end."""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import Any, BinaryIO

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once

_TYPE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Size of one value by the type number of a tag; 1 for those not listed."""

_PRIVATE = 32768
"""Tags from here on are of single programs, and the pixels are whole without them."""

_OF_STORAGE = (259, 262, 266, 277, 278, 284, 317, 322, 323)
"""Tags of one value that say how the pixels are stored: compression, predictor, strips or tiles and so on."""

_OF_AXES = (34412, 50838, 50839)
"""Private tags that say what the planes are: LSM, ImageJ."""

log = logging.getLogger(__name__)


def check_pages(path: Path, file: BinaryIO) -> bool:
    """Follow the chain of pages to its end.

    Otherwise a truncated file would read as one with fewer pages, or without its metadata.

    Returns:
        Whether all pages say the same of how they are stored.

    Raises:
        ImageReadError: when it is not a TIFF file, or truncated, or has no end.
    """
    size = path.stat().st_size
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        raise ImageReadError(f"{path}: is not a TIFF file though its name says so; save it again as TIFF")

    def numbers(layout: str, at: int) -> tuple[Any, ...]:
        file.seek(at)
        return struct.unpack(order + layout, file.read(struct.calcsize(order + layout)))

    seen: set[int] = set()
    ways = set[frozenset[tuple[int, int]]]()
    try:
        big = numbers("H", 2)[0] == 43
        count_type, entry, word = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
        (page,) = numbers(word, 8 if big else 4)
        while page:
            if page in seen:
                raise ImageReadError(f"{path}: its pages form a loop; save it again")
            seen.add(page)
            (tags,) = numbers(count_type, page)
            first = page + struct.calcsize(order + count_type)
            step = struct.calcsize(order + entry)
            if first + tags * step > size:
                raise struct.error
            # all tags in one read, for stacks of thousands of pages
            read = numbers(entry * tags, first)
            ways.add(
                frozenset(one for one in zip(read[::4], read[3::4], strict=True) if one[0] in _OF_STORAGE)
            )
            values = iter(read)
            for tag, kind, count, offset in zip(values, values, values, values, strict=True):
                length = _TYPE_BYTES.get(kind, 1) * count
                if length <= struct.calcsize(word) or offset + length <= size:
                    continue
                if tag < _PRIVATE or tag in _OF_AXES:
                    raise struct.error
                warn_once(log, f"{path}: its tag {tag} lies beyond the end of the file and is left out")
            (page,) = numbers(word, first + tags * step)
    except struct.error:
        raise ImageReadError(
            f"{path}: is truncated, page {len(seen)} lies beyond its end ({size} bytes); copy it again"
        ) from None
    return len(ways) <= 1
