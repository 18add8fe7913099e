"""A network slid over a volume, of whose results only the rows that are not complete are in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.large._tiling import Tiling
from nucleizoo.ops.grid import Box
from nucleizoo.ops.windows import extend

Predict = Callable[[Tensor], Tensor]
"""Pictures (B, C, *window) -> maps (B, K, *window) float32 on the CPU."""


def slide_band(
    predict: Predict,
    picture: Callable[[Box], NDArray[np.float32]],
    tiling: Tiling,
    band: slice,
    *,
    done: int = 0,
    batch: int = 1,
) -> Iterator[tuple[Box, NDArray[np.float32]]]:
    """Predict a band, all of the volume along every axis but the second.

    Every window that has voxels in the band is predicted; sums are taken in the order in which
    `ops.windows.slide` takes them, so that they are the same however the volume is cut into bands.

    Args:
        predict: the network.
        picture: a part of the volume -> (C, *size).
        tiling: the windows.
        band: along the second axis.
        done: planes of the first axis that are not wanted again.
        batch: windows predicted at once.

    Yields:
        Boxes along the first axis as they are complete, and their maps (K, *size), which are gone when the
        next are asked for.
    """
    shape, window = tiling.shape, tiling.window
    columns = tiling.meeting(1, band.start, band.stop)
    across = slice(columns[0], min(columns[-1] + window[1], shape[1]))
    sums: Tensor | None = None
    first, begin = tiling.row_for(done), 0
    for row in range(first, len(tiling.starts[0])):
        top = tiling.starts[0][row]
        if sums is not None:
            sums = _moved(sums, top - begin)
        begin = top
        whole = (slice(top, min(top + window[0], shape[0])), across, *(slice(0, n) for n in shape[2:]))
        seen = extend(torch.from_numpy(picture(whole))[None], _at_least(whole, window))[0]
        places = list(itertools.product(columns, *tiling.starts[2:]))
        for count in range(0, len(places), batch):
            some = places[count : count + batch]
            cuts = [_cut((at[0] - across.start, *at[1:]), window[1:]) for at in some]
            tiles = [seen[(slice(None), slice(None), *cut)] for cut in cuts]
            made = predict(torch.stack(tiles) if batch > 1 else tiles[0][None])
            if sums is None:
                sums = made.new_zeros(made.shape[1], window[0], *_band_size(tiling, band))
            for at, maps in zip(some, made, strict=True):
                _add(sums, maps, tiling.tent, at, band, window)
        complete = tiling.complete(row)
        if complete > done and sums is not None:
            low = max(top, done)
            box = (slice(low, complete), band, *(slice(0, n) for n in shape[2:]))
            part = sums[(slice(None), slice(low - top, complete - top), *_lengths(box[1:]))]
            yield box, tiling.divide(part, box).numpy()  # of rows that are not needed again
            done = complete


def _add(
    sums: Tensor, maps: Tensor, weight: Tensor, at: tuple[int, ...], band: slice, window: tuple[int, ...]
) -> None:
    """Add the part of a window that lies in the band, weighted."""
    low, high = max(at[0], band.start), min(at[0] + window[1], band.stop, band.start + sums.shape[2])
    inner = (slice(None), slice(low - at[0], high - at[0]), *(slice(0, n) for n in window[2:]))
    place = (slice(low - band.start, high - band.start), *_cut(at[1:], window[2:]))
    sums[(slice(None), slice(None), *place)].addcmul_(maps[(slice(None), *inner)], weight[inner])


def _moved(sums: Tensor, step: int) -> Tensor:
    """Rows that are complete make room for new ones."""
    kept = sums.shape[1] - step
    rest = sums[:, step:]
    sums[:, :kept] = rest if kept <= step else rest.clone()
    sums[:, kept:] = 0
    return sums


def _band_size(tiling: Tiling, band: slice) -> tuple[int, ...]:
    rest = zip(tiling.shape[2:], tiling.window[2:], strict=True)
    return (band.stop - band.start, *(max(n, w) for n, w in rest))


def _cut(at: tuple[int, ...], lengths: tuple[int, ...]) -> Box:
    return tuple(slice(a, a + n) for a, n in zip(at, lengths, strict=True))


def _lengths(box: Box) -> Box:
    return tuple(slice(0, cut.stop - cut.start) for cut in box)


def _at_least(box: Box, window: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(cut.stop - cut.start, w) for cut, w in zip(box, window, strict=True))
