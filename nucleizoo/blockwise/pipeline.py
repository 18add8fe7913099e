"""The steps from image to labels of one volume, for any process that sees the same files."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.blockwise.decode.decoding import Decoding, check_rules
from nucleizoo.blockwise.decode.landscape import ReadMaps
from nucleizoo.blockwise.decode.table import NucleiTable
from nucleizoo.blockwise.maps.intensities import Intensities, scan_block
from nucleizoo.blockwise.maps.map_store import MapStore
from nucleizoo.blockwise.maps.network import NetworkMaps
from nucleizoo.blockwise.maps.norm_statistics import NormStatistics
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.blockwise.plan.budget import RESERVE, Budget, Costs, Reading
from nucleizoo.blockwise.plan.plan import Plan
from nucleizoo.blockwise.state.block_store import BlockStore
from nucleizoo.blockwise.state.fingerprint import fingerprint, recorded
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
from nucleizoo.preprocess import LazyPicture


class Pipeline:
    """Prediction and decoding of one volume.

    Args:
        segmenter: of the run.
        input: the volume.
        scratch: folder for intermediate results.
        limit: bytes that this process may use.

    Raises:
        UserError: when the decoder cannot work by blocks.
    """

    def __init__(self, segmenter: Segmenter, input: VolumeInput, scratch: Path, limit: float) -> None:
        self.segmenter, self.input, self.scratch, self.limit = segmenter, input, scratch, limit
        window = segmenter.window(input.extent) or segmenter.config.DATASET.SIZE
        self.tiling = Tiling(input.extent, window, segmenter.overlap, segmenter.blending)
        self.batch = 1 if segmenter.device.type == "cpu" else 8
        self.rules = check_rules(segmenter.decoder.rules(input.voxels))

    @cached_property
    def plan(self) -> Plan:
        """How the volume is cut, as noted when the job was begun.

        Raises:
            UserError: when it was noted by another version of nucleizoo.
        """
        plan: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in self._noted["plan"].items()
        }
        return Plan(**plan)

    @cached_property
    def _noted(self) -> dict[str, Any]:
        noted: dict[str, Any] = json.loads(job_file(self.scratch).read_text())
        if set(noted["plan"]) != {one.name for one in fields(Plan)} or "scan_block" not in noted:
            raise UserError(
                f"{self.scratch}: was begun by another version of nucleizoo; remove the folder to begin again"
            )
        return noted

    def begin(self, plan: Plan, **more: Any) -> None:
        """Note a plan and more; the note comes last, because it is what makes a job resumable.

        Raises:
            OSError: when the disk is full.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        save_missing(self.input.volume, self.scratch)
        with atomic(job_file(self.scratch)) as part:
            part.write_text(json.dumps({"plan": asdict(plan), "scan_block": scan_block(self.input), **more}))

    def budget(self, used: float) -> Budget:
        """The memory budget of a process.

        Args:
            used: bytes that it uses already.
        """
        volume, task = self.input.volume, self.segmenter.method.task
        stored, maps = volume.dtype.itemsize * volume.channels, len(self.segmenter.target.channels)
        planes = self.input.reader.scaling.over == "image"
        return Budget(
            self.limit, used + RESERVE,
            Costs.of(self.input.resizing, self.tiling.window, stored, task.channels, maps),
            Reading.of(volume, self.input.values, planes=planes), self.segmenter.decoder.less_memory,
        )  # fmt: skip

    @property
    def free_memory(self) -> float:
        """Bytes that this process may still take."""
        return self.budget(memory.resident() or 0).free

    @property
    def prediction(self) -> dict[str, Step]:
        """The steps that make the maps."""
        return {**self.intensities.steps, "statistics": self.statistics, "predict": self.network_maps}

    @cached_property
    def intensities(self) -> Intensities:
        """The steps that find how to scale the volume."""
        return Intensities(self.input, tuple(self._noted["scan_block"]), self.scratch)

    @cached_property
    def statistics(self) -> NormStatistics:
        """The step that measures the statistics of the network's norms."""
        return NormStatistics(self.segmenter, self.image, self.tiling, self.scratch / "statistics")

    @cached_property
    def network_maps(self) -> NetworkMaps:
        """The step that applies the network."""
        regions = Grid(self.input.extent, self.plan.region)
        store = MapStore(self.scratch / "predict", self.segmenter.target.channels, regions)
        return NetworkMaps(self._network, self.image, self.input, self.tiling, store, self.batch)

    @cached_property
    def decoding(self) -> Decoding:
        """The steps from maps to labels, on the voxels of the file, with the memory that is free now."""
        grid, budget = Grid(self.input.shape, self.plan.block), self.budget(memory.resident() or 0)
        return Decoding(self.rules, self._maps, grid, self.scratch, self.plan.margin, budget)

    @cached_property
    def table(self) -> NucleiTable:
        """The step that measures nuclei."""
        store = BlockStore(self.scratch / "table", Grid(self.input.shape, self.plan.block))
        return NucleiTable(lambda: self.decoding.labels(), self._likelihood, store)

    @cached_property
    def result(self) -> Result:
        """What is written at the end."""
        return Result(
            lambda: self.decoding.labels(), self.input.shape, self.input.spacing, self.plan.block,
            self.skipped, self.scratch, recorded(fingerprint(self.segmenter, self.input.path)),
        )  # fmt: skip

    def do(self, name: str, index: int) -> None:
        """Do one task of the named step.

        Raises:
            UserError: when it cannot be done, and a retry would not help.
            OSError: when the disk is full.
        """
        if name in self.prediction:
            self.prediction[name].do(index)
        else:
            self.network_maps.release()
            self._later_steps[name].do(index)

    def skipped(self) -> list[str]:
        """Chunks that any process treated as black so far, in words."""
        return sorted({*self.input.volume.skipped, *self.intensities.skipped(), *self.network_maps.skipped()})

    def image(self, box: Box) -> NDArray[np.float32]:
        """A part (C, *size) of the network's input, in [-1, 1], once the intensities are known.

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        return self._scan.image(box)

    @cached_property
    def _later_steps(self) -> dict[str, Step]:
        """All steps after prediction, whatever the format."""
        return self.decoding.steps | {"table": self.table} | level_steps(self.result)

    @property
    def _maps(self) -> ReadMaps:
        """Reads the maps of a part of the volume, on the voxels of the file."""
        back, store = Resizing(self.input.extent, self.input.shape, blur=False), self.network_maps.store
        return partial(store.read_resampled, back) if back.is_needed else store.read

    @cached_property
    def _scan(self) -> LazyPicture:
        return self.input.scan(self.intensities.limits())

    def _likelihood(self, box: Box) -> NDArray[np.float32]:
        return self.segmenter.target.likelihood(np.stack(list(self._maps(box).values())))

    def _network(self, windows: Tensor) -> Tensor:
        if self.is_blank:
            lowest = [
                float(one.from_bytes(np.zeros(1, np.uint8))[0]) for one in self.segmenter.target.channels
            ]
            each = torch.tensor(lowest).reshape(1, -1, *[1] * (windows.ndim - 2))
            return each.expand(len(windows), -1, *windows.shape[2:]).contiguous()
        return self.segmenter.tiles(windows, given=self._given)

    @cached_property
    def is_blank(self) -> bool:
        """Whether the volume has one value everywhere, so that there are no nuclei; see `Intensities`."""
        return self.intensities.is_blank()

    @cached_property
    def _given(self) -> Statistics | None:
        return self.statistics.given()
