"""The steps of one volume from picture to labels, as any process that sees the same files can do them."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.blockwise.decode.decoding import Decoding, check_rules
from nucleizoo.blockwise.decode.landscape import ReadMaps
from nucleizoo.blockwise.decode.table import Table
from nucleizoo.blockwise.maps.intensities import Intensities, unit_of
from nucleizoo.blockwise.maps.map_store import MapFiles
from nucleizoo.blockwise.maps.network import NetworkMaps
from nucleizoo.blockwise.maps.norm_statistics import GivenStatistics
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.blockwise.maps.volume import Input
from nucleizoo.blockwise.plan.budget import RESERVE, Budget, Costs, Reading
from nucleizoo.blockwise.plan.plan import Plan
from nucleizoo.blockwise.state.block_store import Stage
from nucleizoo.blockwise.state.fingerprint import identity, marked
from nucleizoo.blockwise.state.scratch import job_file, save_missing
from nucleizoo.blockwise.step import Step
from nucleizoo.blockwise.write.ome_zarr import level_steps
from nucleizoo.blockwise.write.result import Result
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops import memory
from nucleizoo.ops.grid import Box, Grid
from nucleizoo.ops.image.resize import Resizing
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.preprocess import FiledScan


class Work:
    """Prediction and decoding of one volume.

    Args:
        segmenter: of the run.
        seen: the volume.
        scratch: folder of what is found on the way.
        limit: bytes that this process may have in memory.

    Raises:
        UserError: when the decoder cannot be carried out by blocks.
    """

    def __init__(self, segmenter: Segmenter, seen: Input, scratch: Path, limit: float) -> None:
        self.segmenter, self.seen, self.scratch, self.limit = segmenter, seen, scratch, limit
        window = segmenter.window or segmenter.config.DATASET.SIZE
        self.tiling = Tiling(seen.extent, window, segmenter.overlap, segmenter.blending)
        self.batch = 1 if segmenter.device.type == "cpu" else 8
        self.rules = check_rules(segmenter.decoder.rules(len(seen.shape), seen.spacing))

    @cached_property
    def plan(self) -> Plan:
        """How the volume is cut, as it was noted when the work began.

        Raises:
            UserError: when another version noted it.
        """
        plan: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in self._noted["plan"].items()
        }
        return Plan(**plan)

    @cached_property
    def _noted(self) -> dict[str, Any]:
        noted: dict[str, Any] = json.loads(job_file(self.scratch).read_text())
        if set(noted["plan"]) != {one.name for one in fields(Plan)} or "passed" not in noted:
            raise UserError(
                f"{self.scratch}: was begun by another version of nucleizoo; remove the folder to begin again"
            )
        return noted

    def begin(self, plan: Plan, **more: Any) -> None:
        """Note a plan, and more; last, for that is what there is to go on from.

        Raises:
            OSError: when the disk is full.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        save_missing(self.seen.volume, self.scratch)
        with atomic(job_file(self.scratch)) as part:
            part.write_text(json.dumps({"plan": asdict(plan), "passed": unit_of(self.seen), **more}))

    def budget(self, used: float) -> Budget:
        """The memory budget of a process.

        Args:
            used: bytes that it uses already.
        """
        volume, task = self.seen.volume, self.segmenter.method.task
        stored, maps = volume.dtype.itemsize * volume.channels, len(self.segmenter.target.channels)
        planes = self.seen.reader.scaling.over == "image"
        return Budget(
            self.limit, used + RESERVE,
            Costs.of(self.seen.resizing, self.tiling.window, stored, task.channels, maps),
            Reading.of(volume, self.seen.channels.values, planes=planes), self.segmenter.decoder.less_memory,
        )  # fmt: skip

    @cached_property
    def intensities(self) -> Intensities:
        """The first steps."""
        return Intensities(self.seen, tuple(self._noted["passed"]), self.scratch)

    def picture(self, box: Box) -> NDArray[np.float32]:
        """A part (C, *size) of what the network sees, in [-1, 1], once the first steps are joined.

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        return self._scan.image(box)

    @cached_property
    def statistics(self) -> GivenStatistics:
        """The step before prediction."""
        return GivenStatistics(self.segmenter, self.picture, self.tiling, self.scratch / "statistics")

    @cached_property
    def predict(self) -> NetworkMaps:
        """Prediction itself."""
        regions = Grid(self.seen.extent, self.plan.region)
        files = MapFiles(self.scratch / "predict", self.segmenter.target.channels, regions)
        return NetworkMaps(self._network, self.picture, self.seen, self.tiling, files, self.batch)

    @cached_property
    def decoding(self) -> Decoding:
        """What follows, on the voxels of the file, with the memory that is left when it begins."""
        grid = Grid(self.seen.shape, self.plan.block)
        budget = self.budget(memory.resident() or 0)
        return Decoding(self.rules, self._maps, grid, self.scratch, self.plan.margin, budget)

    @property
    def left(self) -> float:
        """Bytes that this process may still take."""
        return self.budget(memory.resident() or 0).free

    @cached_property
    def table(self) -> Table:
        """What describes the nuclei, where it is asked for."""
        stage = Stage(self.scratch / "table", Grid(self.seen.shape, self.plan.block))
        return Table(lambda: self.decoding.decoded(), self._likely, stage)

    @cached_property
    def result(self) -> Result:
        """What is written at last."""
        return Result(
            lambda: self.decoding.decoded(), self.seen.shape, self.seen.spacing, self.plan.block,
            self.skipped, self.scratch, marked(identity(self.segmenter, self.seen.path)),
        )  # fmt: skip

    def do(self, name: str, index: int) -> None:
        """Do one unit of a step that is called so.

        Raises:
            UserError: when it cannot be done, and could not the next time either.
            OSError: when the disk is full.
        """
        if name in self.before:
            self.before[name].do(index)
        else:
            self.predict.rest()
            self._steps[name].do(index)

    def skipped(self) -> list[str]:
        """Chunks that were taken for black so far, by whatever process, in words."""
        return sorted({*self.seen.volume.skipped, *self.intensities.skipped(), *self.predict.skipped()})

    @property
    def before(self) -> dict[str, Step]:
        """The steps that make the maps."""
        return {**self.intensities.steps, "statistics": self.statistics, "predict": self.predict}

    @cached_property
    def _steps(self) -> dict[str, Step]:
        """All that follow prediction, whatever the format."""
        return self.decoding.steps | {"table": self.table} | level_steps(self.result)

    @property
    def _maps(self) -> ReadMaps:
        """The maps of a part of the volume, on the voxels of the file."""
        back, files = Resizing(self.seen.extent, self.seen.shape, blur=False), self.predict.files
        return partial(files.read_resampled, back) if back.is_needed else files.read

    @cached_property
    def _scan(self) -> FiledScan:
        return self.seen.scan(self.intensities.limits())

    def _likely(self, box: Box) -> NDArray[np.float32]:
        return self.segmenter.target.likelihood(np.stack(list(self._maps(box).values())))

    def _network(self, tiles: Tensor) -> Tensor:
        return self.segmenter.tiles(tiles, given=self._given)

    @cached_property
    def _given(self) -> Statistics | None:
        return self.statistics.given()
