"""Parts of an array, and the chunks that they lie in."""

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
"""Reads a part, in the axes as stored."""

_LARGE = 2**26
"""From this many bytes on, decoding a chunk takes far longer than garbage collection."""

_MANY = 1_000_000
"""Up to this many chunks, each is looked for, however few there are."""


def cut_apart(cut: Cut, chunks: tuple[int, ...]) -> Iterator[Cut]:
    """Split a part at the borders of chunks."""
    pieces = []
    for c, n in zip(cut, chunks, strict=True):
        edges = [c.start, *range((c.start // n + 1) * n, c.stop, n), c.stop]
        pieces.append([slice(a, b) for a, b in itertools.pairwise(edges)])
    return itertools.product(*pieces)


def one_by_one(load: Load, chunks: tuple[int, ...], dtype: np.dtype[Any]) -> Load:
    """The same, but chunks are decoded one at a time, and memory of large ones is freed at once."""
    is_large = math.prod(chunks) * dtype.itemsize >= _LARGE

    def loaded(cut: Cut) -> NDArray[Any]:
        data = np.empty([c.stop - c.start for c in cut], dtype)
        for chunk in cut_apart(cut, chunks):
            data[seen_from(cut, chunk)] = load(chunk)
            if is_large:
                gc.collect()  # zarr's decoded chunks are in a reference cycle
        return data

    return loaded


def seen_from(cut: Cut, chunk: Cut) -> Cut:
    """Where a piece lies within its part."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(chunk, cut, strict=True))


def grid_of(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The grid positions of all chunks."""
    return itertools.product(*(range(math.ceil(n / c)) for n, c in zip(shape, chunks, strict=True)))


def check_claim(name: str, chunks: int, there: Callable[[], int]) -> None:
    """Refuse metadata that claim so many chunks that looking for each would never end.

    Args:
        name: of the file.
        chunks: number of chunks that the metadata claim.
        there: counts the chunks that exist; called only when many are claimed.

    Raises:
        ImageReadError: when many are claimed, and hardly any exist.
    """
    if chunks > _MANY and (found := there()) < chunks / 10:
        raise ImageReadError(
            f"{name}: should have {chunks} chunks according to its metadata, but has at most {found}; fix "
            "the metadata or copy it again or, if all missing chunks are empty, set the key "
            "EMPTY_CHUNKS (in prediction DATASET.IMAGE.EMPTY_CHUNKS true)"
        )
