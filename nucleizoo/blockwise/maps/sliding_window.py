"""Sliding-window prediction of a volume, with only the incomplete rows of the result in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.ops.grid import Box, common, inside, size
from nucleizoo.ops.nn.sliding_window import extend

Network = Callable[[Tensor], Tensor]
"""Images (B, C, *window) -> maps (B, K, *window) float32 on the CPU."""

ReadImage = Callable[[Box], NDArray[np.float32]]
"""A part of a volume -> (C, *size) in [-1, 1]."""


def slide_column(
    network: Network,
    image: ReadImage,
    tiling: Tiling,
    column: Box,
    *,
    done: int = 0,
    batch: int = 1,
) -> Iterator[tuple[Box, NDArray[np.float32]]]:
    """Predict a column: a box of the last axes, over the whole length of the first.

    Every window that overlaps the column is predicted; sums are accumulated in the order of
    `ops.nn.sliding_window.slide`, so that they are the same however the volume is cut into columns and
    wherever prediction begins.

    Args:
        network: images -> maps.
        image: a part of the volume -> (C, *size).
        tiling: the windows.
        column: along all axes but the first.
        done: planes of the first axis to leave out.
        batch: windows predicted at once.

    Yields:
        Boxes along the first axis as they become complete, and their maps (K, *size), which are valid until
        the next are asked for.
    """
    shape, window = tiling.shape, tiling.window
    reached = [tiling.overlapping(axis, cut.start, cut.stop) for axis, cut in enumerate(column, start=1)]
    ends = zip(reached, window[1:], shape[1:], strict=True)
    across = tuple(slice(at[0], min(at[-1] + w, n)) for at, w, n in ends)
    places = list(itertools.product(*reached))
    sums: Tensor | None = None
    begin = 0
    for row in range(tiling.row_for(done), len(tiling.starts[0])):
        top = tiling.starts[0][row]
        if sums is not None:
            sums = _shifted(sums, top - begin)
        begin = top
        whole = (slice(top, min(top + window[0], shape[0])), *across)
        seen = extend(torch.from_numpy(image(whole))[None], _at_least(whole, window))[0]
        for count in range(0, len(places), batch):
            cuts = [_window(at, window[1:]) for at in places[count : count + batch]]
            tiles = [seen[(slice(None), slice(None), *inside(cut, across))] for cut in cuts]
            made = network(torch.stack(tiles) if batch > 1 else tiles[0][None])
            if sums is None:
                sums = made.new_zeros(made.shape[1], window[0], *size(column))
            for cut, maps in zip(cuts, made, strict=True):
                part = common(cut, column)
                here, there = (slice(None), *inside(part, cut)), (slice(None), *inside(part, column))
                sums[(slice(None), *there)].addcmul_(maps[(slice(None), *here)], tiling.weights[here])
        complete = tiling.complete(row)
        if complete > done and sums is not None:
            low = max(top, done)
            box = (slice(low, complete), *column)
            yield box, tiling.divide(sums[:, low - top : complete - top], box).numpy()  # in place
            done = complete


def _shifted(sums: Tensor, step: int) -> Tensor:
    """Drop complete rows and append empty ones."""
    kept = sums.shape[1] - step
    rest = sums[:, step:]
    sums[:, :kept] = rest if kept <= step else rest.clone()
    sums[:, kept:] = 0
    return sums


def _window(at: tuple[int, ...], lengths: tuple[int, ...]) -> Box:
    return tuple(slice(a, a + n) for a, n in zip(at, lengths, strict=True))


def _at_least(box: Box, window: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(n, w) for n, w in zip(size(box), window, strict=True))
