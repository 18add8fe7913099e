"""Random crops of an exact size, mirrored where an array is too small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage import measure

T = TypeVar("T", bound=np.generic)


def random_start(shape: Sequence[int], size: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """Where a crop of `size` begins in an array of `shape`, all positions equally likely.

    Along an axis shorter than the crop the start is negative: the array lies anywhere inside the crop.

    Raises:
        ValueError: when shape and size have different numbers of axes.
    """
    rooms = [n - wanted for n, wanted in zip(shape, size, strict=True)]
    return tuple(int(rng.integers(min(room, 0), max(room, 0) + 1)) for room in rooms)


def crop(array: NDArray[T], start: Sequence[int], size: Sequence[int]) -> NDArray[T]:
    """Copy a window out of the last axes: (..., *S) -> (..., *size), contiguous.

    Beyond its border the array continues as its mirror image (the border voxel is repeated), any number
    of times.

    Example:
        >>> crop(np.array([1, 2, 3]), (-2,), (8,)).tolist()
        [2, 1, 1, 2, 3, 3, 2, 1]
    """
    shape = array.shape[array.ndim - len(size) :]
    sides = list(zip(start, size, shape, strict=True))
    # axes without mirroring are cut first, so that mirroring copies no more than necessary
    cuts = [slice(begin, begin + length) if begin >= 0 and begin + length <= n else slice(None)
            for begin, length, n in sides]  # fmt: skip
    array = array[(..., *cuts)]
    for axis, (begin, length, n) in enumerate(sides, array.ndim - len(size)):
        if begin < 0 or begin + length > n:
            index = np.arange(begin, begin + length) % (2 * n)
            array = array.take(np.minimum(index, 2 * n - 1 - index), axis=axis)
    return array.copy()


def separate(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number the connected pieces of every label: (*S) -> (*S), 0 = background.

    After mirroring, the copies of a nucleus become separate nuclei, while one that is cut by the border
    stays connected with its mirror image.

    Example:
        >>> separate(np.array([[5, 0, 5, 5, 2]], np.int32)).tolist()
        [[1, 0, 2, 2, 3]]
    """
    pieces = measure.label(labels, connectivity=labels.ndim)  # type: ignore[no-untyped-call]
    return np.asarray(pieces, dtype=np.int32)
