"""Parts of an array, and the chunks that they are of."""

from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError

Cut = tuple[slice, ...]

Load = Callable[[Cut], NDArray[Any]]
"""A part, in the axes as stored."""

_LARGE = 2**26
"""Bytes of a chunk that takes far longer to decode than garbage to collect."""

_MANY = 1_000_000
"""Chunks that are looked for one by one, however few of them are there."""


def cut_apart(cut: Cut, chunks: tuple[int, ...]) -> Iterator[Cut]:
    """A part taken apart at the borders of chunks."""
    pieces = []
    for c, n in zip(cut, chunks, strict=True):
        edges = [c.start, *range((c.start // n + 1) * n, c.stop, n), c.stop]
        pieces.append([slice(a, b) for a, b in itertools.pairwise(edges)])
    return itertools.product(*pieces)


def one_by_one(load: Load, chunks: tuple[int, ...], dtype: np.dtype[Any]) -> Load:
    """The same, but no two chunks are decoded at a time, and of large ones nothing is left behind."""
    is_large = math.prod(chunks) * dtype.itemsize >= _LARGE

    def loaded(cut: Cut) -> NDArray[Any]:
        data = np.empty([c.stop - c.start for c in cut], dtype)
        for chunk in cut_apart(cut, chunks):
            data[seen_from(cut, chunk)] = load(chunk)
            if is_large:
                gc.collect()  # what zarr has decoded hangs in a circle of references
        return data

    return loaded


def seen_from(cut: Cut, chunk: Cut) -> Cut:
    """Where a piece lies in the part that it is of."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(chunk, cut, strict=True))


def grid_of(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The places of all chunks."""
    return itertools.product(*(range(math.ceil(n / c)) for n, c in zip(shape, chunks, strict=True)))


def check_claim(name: str, chunks: int, there: Callable[[], int]) -> None:
    """Refuse metadata by which there are so many chunks that looking for each would not end.

    Args:
        name: of the file.
        chunks: that there should be.
        there: counts those that there are; asked only when there should be many.

    Raises:
        ImageReadError: when they are many, and hardly any is there.
    """
    if chunks > _MANY and (found := there()) < chunks / 10:
        raise ImageReadError(
            f"{name}: should have {chunks} chunks by its metadata, and has no more than {found}; mend the "
            "metadata or copy it again, or, if all others are empty, allow it with the key EMPTY_CHUNKS"
        )
