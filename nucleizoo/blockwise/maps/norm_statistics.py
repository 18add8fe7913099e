"""The statistics that the norms of a network take in every window of one volume: a step before prediction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from nucleizoo.blockwise.maps.sliding_window import Picture
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.blockwise.state.block_store import done_in
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.ops.nn.sliding_window import extend


class GivenStatistics:
    """What norms are given in every window, as `Segmenter.maps` does it in memory.

    Those of the volume take a first pass, of which a unit is all windows at one place of the first two axes.
    Those of the training are known, and for those of every window itself there is nothing to do.

    Args:
        segmenter: of the run.
        picture: of the volume.
        tiling: the windows of the prediction.
        folder: for what is found; made if missing.
    """

    def __init__(self, segmenter: Segmenter, picture: Picture, tiling: Tiling, folder: Path) -> None:
        self.segmenter, self.picture, self.folder = segmenter, picture, folder
        self.tiling = Tiling(tiling.shape, tiling.window, 0.0)
        self.kind = segmenter.statistics
        if self.kind == "image" and not self._has_norms():
            self.kind = "tile"
        folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return math.prod(map(len, self.tiling.starts[:2])) if self.kind == "image" else 0

    def missing(self) -> Iterator[int]:
        """The places that were not passed yet."""
        return map(int, np.flatnonzero(~done_in(self.folder, ".safetensors", len(self))))

    def do(self, index: int) -> None:
        """Pass the windows of one place."""
        corner, tiling, seen = divmod(index, len(self.tiling.starts[1])), self.tiling, Statistics()
        begins = [[starts[at]] for starts, at in zip(tiling.starts, corner, strict=False)]
        for place in itertools.product(*begins, *tiling.starts[2:]):
            sides = zip(place, tiling.window, tiling.shape, strict=True)
            box = tuple(slice(at, min(at + w, n)) for at, w, n in sides)
            window = extend(torch.from_numpy(self.picture(box))[None], tiling.window)
            self.segmenter.tiles(window, into=seen)
        _write(self._file(index), seen)

    def join(self) -> None:
        """Pool what was seen everywhere, in order."""
        if self.kind != "image" or self._pooled.exists():
            return
        seen = Statistics()
        for index in range(len(self)):
            for place, moments in enumerate(_read(self._file(index)).layers):
                seen.add(place, moments)
        _write(self._pooled, seen)

    def given(self) -> Statistics | None:
        """What is given to every window, once it is joined; None: its own."""
        if self.kind == "training":
            return self.segmenter.remembered
        return _read(self._pooled) if self.kind == "image" else None

    def _has_norms(self) -> bool:
        seen, channels = Statistics(), self.segmenter.method.task.channels
        self.segmenter.tiles(torch.zeros(1, channels, *self.tiling.window), into=seen)
        return bool(seen.layers)

    @property
    def _pooled(self) -> Path:
        return self.folder / "pooled"

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:07d}.safetensors"


def _write(path: Path, seen: Statistics) -> None:
    with atomic(path, sync=False) as part:
        part.write_bytes(save(seen.tensors()))


def _read(path: Path) -> Statistics:
    try:
        return Statistics.from_tensors(load_file(path))
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove it and go on with --resume") from error
