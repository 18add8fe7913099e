"""One volume from file to labels, by blocks, to be gone on with after an interruption."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic, locked
from nucleizoo.engine.inference import Segmenter
from nucleizoo.large import _memory
from nucleizoo.large._decoding import Decoded, Decoding, Progress, check_rules
from nucleizoo.large._input import Input
from nucleizoo.large._maps import MapFile
from nucleizoo.large._memory import Plan
from nucleizoo.large._options import Options
from nucleizoo.large._output import FORMATS, places
from nucleizoo.large._result import Result
from nucleizoo.large._sliding import slide_band
from nucleizoo.large._statistics import first_tiling, given_statistics
from nucleizoo.large._tiling import Tiling
from nucleizoo.ops.geometry import voxel_shape
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.statistics import Statistics

DECODED_A_SECOND = 2e6
"""Voxels that one core decodes in a second, for the estimate."""

RESERVE = 1e8
"""Bytes kept for what is not counted."""


class Job:
    """The prediction of one volume.

    What is found on the way lies in the hidden folder `.<stem>_blocks` beside the result, and goes when
    the result is there.

    Args:
        segmenter: of the run.
        path: the volume's file or Zarr folder.
        folder: for the result.
        options: see there.

    Raises:
        UserError: for a file, result or memory limit that cannot be used.
    """

    def __init__(self, segmenter: Segmenter, path: Path, folder: Path, options: Options) -> None:
        self.segmenter, self.options = segmenter, options
        self.result, self.scratch = places(path, folder, options.format)
        self.input = Input(path, segmenter.reader, skip_damaged=options.skip_damaged)
        window = segmenter.window or segmenter.config.DATASET.SIZE
        self.tiling = Tiling(self.input.shape, window, segmenter.overlap)
        self.batch = 1 if segmenter.device.type == "cpu" else 8
        self.rules = check_rules(segmenter.decoder.rules(len(self.input.shape), self.input.spacing))
        self.plan, self.seconds = self._prepared()

    def run(self) -> Generator[Progress, None, int]:
        """Do all that is not done; yields after every row and block, returns the number of nuclei.

        Raises:
            UserError: for a damaged chunk, when the memory allowed is too small for the objects, or when
                another process is at it.
            OSError: when the disk is full.
        """
        with locked(self.scratch / "job.json"):
            count = yield from self._locked_run()
        shutil.rmtree(self.scratch)
        return count

    def _locked_run(self) -> Generator[Progress, None, int]:
        shape = self.input.shape
        maps = MapFile(self.scratch / "maps.bin", self.segmenter.target.channels, shape)
        try:
            at = self.scratch / "statistics.safetensors"
            given = yield from given_statistics(self.segmenter, self.input.picture, self.tiling, at)
            yield from self._predicted(maps, given)
            grid = Grid(shape, self.plan.block)
            limit = _memory.voxels(self.options.limit - _memory.in_use() - RESERVE)
            decoding = Decoding(self.rules, maps.read, grid, self.scratch, self.plan.margin, limit)
            labels: Decoded = yield from decoding.run()
            result = Result(labels, shape, self.input.spacing, self.plan.block, self._skipped())
            FORMATS[self.options.format][1](self.result, result)
        finally:
            maps.close()
        return labels.count

    def steps(self) -> dict[str, int]:
        """How many times `run` yields at most, by what it says."""
        blocks = len(Grid(self.input.shape, self.plan.block))
        rows = len(self.tiling.starts[0]) * len(self._bands())
        first = first_tiling(self.segmenter, self.tiling)
        before = {"statistics": len(first.starts[0])} if first else {}
        return (
            before
            | {"predict": rows}
            | dict.fromkeys(("survey", "growth", "holes", "summits", "split"), blocks)
        )

    def _predicted(self, maps: MapFile, given: Statistics | None) -> Iterator[Progress]:
        at = self.scratch / "predicted.json"
        state: dict[str, Any] = {"band": 0, "done": 0, "skipped": []}
        if at.exists():
            state = json.loads(at.read_text())
        self.input.volume.skipped += [s for s in state["skipped"] if s not in self.input.volume.skipped]
        bands = self._bands()
        for number in range(state["band"], len(bands)):
            done = state["done"] if number == state["band"] else 0
            if done < self.input.shape[0]:
                rows = slide_band(
                    partial(self.segmenter.tiles, given=given), self.input.picture, self.tiling,
                    bands[number], done=done, batch=self.batch,
                )  # fmt: skip
                for row, (box, made) in enumerate(rows):
                    maps.write(made, box)
                    self._note(
                        at, {"band": number, "done": box[0].stop, "skipped": self.input.volume.skipped}
                    )
                    yield "predict", row

    def _skipped(self) -> list[str]:
        return sorted(self.input.volume.skipped)

    def _bands(self) -> list[slice]:
        length, band = self.input.shape[1], self.plan.band
        return [slice(a, min(a + band, length)) for a in range(0, length, band)]

    def _prepared(self) -> tuple[Plan, float]:
        """The plan of an interrupted job or a new one, and an estimate of the time it takes."""
        what, at = self._identity(), self.scratch / "job.json"
        if at.exists() and self.options.resume:
            known = json.loads(at.read_text())
            if known["what"] != what:
                changed = ", ".join(key for key in what if known["what"].get(key) != what[key])
                raise UserError(
                    f"{self.scratch}: was begun with another {changed}; go on as it was begun, or remove the "
                    "folder to begin again"
                )
            plan = Plan(tuple(known["plan"]["block"]), tuple(known["plan"]["margin"]), known["plan"]["band"])
            return plan, self._tile_time()
        if at.exists():
            raise UserError(
                f"{self.scratch}: holds an interrupted prediction; go on with --resume, or remove the folder"
            )
        seconds = self._tile_time()
        voxel = voxel_shape(self.input.spacing, len(self.input.shape))
        budget = self.options.limit - _memory.peak() - RESERVE
        plan = _memory.plan(
            self.input.shape, voxel, budget, line=self._line_bytes(), window=self.tiling.window[1]
        )
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._note(at, {"what": what, "plan": asdict(plan)})
        return plan, seconds

    def estimate(self) -> str:
        """What the work takes, in words."""
        total, maps = math.prod(self.input.shape), len(self.segmenter.target.channels)
        windows = len(self.tiling) + len(first_tiling(self.segmenter, self.tiling) or ())
        seconds = windows * self.seconds + total / DECODED_A_SECOND
        size = "x".join(map(str, self.input.shape))
        window, block = ("x".join(map(str, one)) for one in (self.tiling.window, self.plan.block))
        blocks = len(Grid(self.input.shape, self.plan.block))
        return (
            f"{self.input.path}: {size} voxels, {len(self.tiling)} windows of {window}, {blocks} blocks of "
            f"{block}; about {_duration(seconds)}, at most {self.options.limit / 1e9:.1f} GB of memory, "
            f"{(maps + 2.5) * total / 1e9:.1f} GB of disk"
        )

    def _tile_time(self) -> float:
        """Seconds a window; the second one is timed, for the first takes memory."""
        tile = torch.zeros(self.batch, self.segmenter.method.task.channels, *self.tiling.window)
        self.segmenter.tiles(tile)
        begin = time.perf_counter()
        self.segmenter.tiles(tile)
        return (time.perf_counter() - begin) / self.batch

    def _line_bytes(self) -> tuple[float, float]:
        """Memory for a line along the second axis: as stored and scaled; sums, and what is moved of them."""
        line = float(self.tiling.window[0] * math.prod(self.input.shape[2:]))
        channels, maps = self.segmenter.method.task.channels, len(self.segmenter.target.channels)
        stored = self.input.volume.dtype.itemsize * self.input.volume.channels
        return line * (stored + 4 * channels), line * (8 * maps + 4)

    def _identity(self) -> dict[str, Any]:
        """What must not change between an interruption and going on."""
        path = self.input.path
        marks = [path / "zarr.json", path / ".zarray", path / ".zgroup"] if path.is_dir() else [path]
        stat = next(mark for mark in marks if mark.exists()).stat()
        config = self.segmenter.config
        return {
            "file": [str(path), stat.st_size, stat.st_mtime_ns],
            "shape": list(self.input.shape),
            "settings": json.loads(json.dumps([config.INFERENCE, config.DATASET.IMAGE, config.TARGET])),
            "weights": _digest(self.segmenter),
        }

    def _note(self, path: Path, what: dict[str, Any]) -> None:
        with atomic(path, sync=False) as part:
            part.write_text(json.dumps(what))


def _digest(segmenter: Segmenter) -> float:
    """A number that changes with the weights."""
    return float(sum(p.detach().double().abs().sum().item() for p in segmenter.method.parameters()))


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
