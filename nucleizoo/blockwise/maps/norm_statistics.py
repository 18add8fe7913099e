"""The step that measures the statistics of a network's norms over a volume, before prediction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from nucleizoo.blockwise.maps.sliding_window import ReadImage
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.blockwise.state.block_store import done_in, unreadable
from nucleizoo.core.files import atomic
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.ops.nn.sliding_window import extend


class NormStatistics:
    """The statistics that norms use in every window, as with `Segmenter.maps` in memory.

    Statistics of the volume need a first pass, where a task is all windows at one position of the first two
    axes. Those of the training are known, and those of each window need no step.

    Args:
        segmenter: of the run.
        image: of the volume.
        tiling: the windows of the prediction.
        folder: for the results; made if missing.
    """

    def __init__(self, segmenter: Segmenter, image: ReadImage, tiling: Tiling, folder: Path) -> None:
        self.segmenter, self.image, self.folder = segmenter, image, folder
        self.tiling = Tiling(tiling.shape, tiling.window, 0.0)
        self.kind = segmenter.statistics
        if self.kind == "image" and not self._has_norms():
            self.kind = "tile"
        folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return math.prod(map(len, self.tiling.starts[:2])) if self.kind == "image" else 0

    def missing(self) -> Iterator[int]:
        """The positions that are not done."""
        return map(int, np.flatnonzero(~done_in(self.folder, ".safetensors", len(self))))

    def do(self, index: int) -> None:
        """Measure the windows at one position."""
        corner, tiling, statistics = divmod(index, len(self.tiling.starts[1])), self.tiling, Statistics()
        begins = [[starts[at]] for starts, at in zip(tiling.starts, corner, strict=False)]
        for place in itertools.product(*begins, *tiling.starts[2:]):
            sides = zip(place, tiling.window, tiling.shape, strict=True)
            box = tuple(slice(at, min(at + w, n)) for at, w, n in sides)
            window = extend(torch.from_numpy(self.image(box))[None], tiling.window)
            self.segmenter.tiles(window, into=statistics)
        _write(self._file(index), statistics)

    def join(self) -> None:
        """Pool the statistics of all positions, in order."""
        if self.kind != "image" or self._pooled.exists():
            return
        statistics = Statistics()
        for index in range(len(self)):
            for place, moments in enumerate(_read(self._file(index)).layers):
                statistics.add(place, moments)
        _write(self._pooled, statistics)

    def given(self) -> Statistics | None:
        """The statistics for every window, once joined; None where each window has its own."""
        if self.kind == "training":
            return self.segmenter.remembered
        return _read(self._pooled) if self.kind == "image" else None

    def _has_norms(self) -> bool:
        statistics, channels = Statistics(), self.segmenter.method.task.channels
        self.segmenter.tiles(torch.zeros(1, channels, *self.tiling.window), into=statistics)
        return bool(statistics.layers)

    @property
    def _pooled(self) -> Path:
        return self.folder / "pooled"

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:07d}.safetensors"


def _write(path: Path, statistics: Statistics) -> None:
    with atomic(path, sync=False) as part:
        part.write_bytes(save(statistics.tensors()))


def _read(path: Path) -> Statistics:
    try:
        return Statistics.from_tensors(load_file(path))
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from error
