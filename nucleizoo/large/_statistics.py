"""The statistics that the norms of a network take in every window of one volume."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save

from nucleizoo.core.files import atomic
from nucleizoo.engine.inference import Segmenter
from nucleizoo.large._tiling import Tiling
from nucleizoo.ops.grid import Box
from nucleizoo.ops.statistics import Statistics
from nucleizoo.ops.windows import extend


def first_tiling(segmenter: Segmenter, tiling: Tiling) -> Tiling | None:
    """The windows of a first pass over the volume, None when it needs none."""
    return Tiling(tiling.shape, tiling.window, 0.0) if segmenter.statistics == "image" else None


def given_statistics(
    segmenter: Segmenter, picture: Callable[[Box], NDArray[np.float32]], tiling: Tiling, at: Path
) -> Generator[tuple[str, int], None, Statistics | None]:
    """What is given to every window, as `Segmenter.maps` does it in memory; None: its own.

    Args:
        segmenter: of the run.
        picture: a part of the volume -> (C, *size).
        tiling: the windows of the prediction.
        at: the file that keeps what rows of windows gave, to go on from.

    Yields:
        'statistics' and the number of the row, after every row of windows of a first pass.
    """
    if segmenter.statistics == "training":
        return segmenter.statistics_of_training()
    first = first_tiling(segmenter, tiling)
    if first is None:
        return None
    seen, done = _read(at) if at.exists() else (Statistics(), 0)
    for row, top in enumerate(first.starts[0][done:], start=done):
        for corner in itertools.product([top], *first.starts[1:]):
            sides = zip(corner, first.window, first.shape, strict=True)
            box = tuple(slice(c, min(c + w, n)) for c, w, n in sides)
            window = extend(torch.from_numpy(picture(box))[None], first.window)
            segmenter.tiles(window, into=seen)
            if not seen.layers:
                return None  # a network without norms
        _write(at, seen, row + 1)
        yield "statistics", row
    return seen


def _write(at: Path, seen: Statistics, rows: int) -> None:
    with atomic(at, sync=False) as part:
        part.write_bytes(save(seen.tensors(), {"rows": str(rows)}))


def _read(at: Path) -> tuple[Statistics, int]:
    with safe_open(at, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        return Statistics.from_tensors(tensors), int(file.metadata()["rows"])
