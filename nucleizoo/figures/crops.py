"""Trained runs, and the crops of pictures that figures show of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops.image.crops import crop
from nucleizoo.runs import Run

Picture = NDArray[np.float32]
Value = TypeVar("Value", bound=np.generic)


def finished(path: str | Path, plugins: Sequence[str], overrides: Sequence[str]) -> Segmenter:
    """The segmenter of a run that was trained to its end.

    Raises:
        RunError: when there is none, or it is not finished.
    """
    return Segmenter.open(Run.open_finished(Path(path), plugins, overrides))


def tiles(picture: Picture, size: tuple[int, ...]) -> Iterator[Picture]:
    """Windows (C, *size) of (C, *S) that do not overlap, centred in it; at least one."""
    counts = [max(1, n // wanted) for n, wanted in zip(picture.shape[1:], size, strict=True)]
    rims = [
        (n - count * wanted) // 2 for n, count, wanted in zip(picture.shape[1:], counts, size, strict=True)
    ]
    for place in np.ndindex(*counts):
        yield crop(picture, [r + p * w for r, p, w in zip(rims, place, size, strict=True)], size)


def plane(picture: NDArray[Value]) -> NDArray[Value]:
    """What is shown of (C, *S): its first channel; for volumes, the middle plane."""
    shown: NDArray[Value] = picture[0]
    while shown.ndim > 2:
        shown = shown[len(shown) // 2]
    return shown
