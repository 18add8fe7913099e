"""The job of predicting one volume by blocks: planned, estimated, run, and resumed after an interruption."""

from __future__ import annotations

import json
import logging
import math
import secrets
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nucleizoo.blockwise.dask.task import JobSpec, RunSpec
from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.blockwise.pipeline import Pipeline
from nucleizoo.blockwise.plan.budget import default_limit, for_option, peak
from nucleizoo.blockwise.plan.plan import plan
from nucleizoo.blockwise.state.fingerprint import changes, check_skipped, fingerprint
from nucleizoo.blockwise.state.scratch import job_file, remove, save_missing
from nucleizoo.blockwise.step import Executor, Progress, run_steps, serial
from nucleizoo.blockwise.write.formats import FORMATS, result_paths, table_path
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import duration, plural, storage
from nucleizoo.inference import companions, nuclei_table
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.weights_hash import weights_hash
from nucleizoo.io import check_replaceable, zarr_library
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.memory import forget_peak

log = logging.getLogger(__name__)

REGIONS_PER_WORKER = 4
"""Tasks of prediction wanted per worker, so that none waits long for the last one to finish."""

REGION_SECONDS = 120.0
"""Approximate duration of a region in a single process: what an interruption costs at most."""

DECODED_PER_SECOND = 2e6
"""Voxels that one core decodes in a second, for the estimate."""


@dataclass(frozen=True)
class Options:
    """How a volume is predicted by blocks.

    Attributes:
        format: of the labels, one of `FORMATS`.
        max_memory: limit per process, in 10^9 bytes; 0 is half of the machine's memory.
        resume: continue an interrupted job.
        skip_damaged: treat chunks that are missing or damaged as black.

    Raises:
        UserError: for a memory limit below 0 or infinite, or a format whose package is not installed.
    """

    format: str = "tif"
    max_memory: float = 0.0
    resume: bool = False
    skip_damaged: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_memory < float("inf"):
            raise UserError(f"--max-memory must be a number of gigabytes, 0 or more; got {self.max_memory:g}")
        if self.format == "ome-zarr":
            zarr_library()  # fails now rather than when all work is done

    @property
    def limit(self) -> float:
        """Bytes that a process may use."""
        return self.max_memory * 1e9 or default_limit()

    def shared(self, count: int) -> Options:
        """The same for several processes on this machine, which share the default memory."""
        return self if self.max_memory else replace(self, max_memory=self.limit / 1e9 / count)


class Job:
    """The prediction of one volume.

    Intermediate results are stored in the hidden folder `.<stem>_blocks` beside the result, which is removed
    when the result is complete. The process must hold it (`scratch.held`) for the lifetime of the job.

    Args:
        segmenter: of the run.
        path: the volume's file or Zarr folder.
        folder: for the result.
        options: see `Options`.
        workers: number of workers to plan for; 0 is this process alone.
        table: also write `<stem>_nuclei.csv`.

    Raises:
        UserError: for a file, result or memory limit that cannot be used, or a method that measures whole
            volumes.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        path: Path,
        folder: Path,
        options: Options,
        workers: int = 0,
        *,
        table: bool = False,
    ) -> None:
        if not segmenter.method.windowed:
            raise UserError(
                f"METHOD '{segmenter.config.METHOD.NAME}' measures whole volumes, and predicts none by "
                "blocks; leave out --blocks"
            )
        self.segmenter, self.options, self.workers = segmenter, options, workers
        self.result, self.scratch = result_paths(path, folder, options.format)
        self.table = table_path(path, folder) if table else None
        check_replaceable(self.result, FORMATS[options.format].kind)
        if self.table:
            check_replaceable(self.table, "csv", nuclei_table.COLUMNS)
        known = self.scratch if options.resume and job_file(self.scratch).exists() else None
        self.input = VolumeInput(path, segmenter.reader, skip_damaged=options.skip_damaged, scratch=known)
        self.pipeline = Pipeline(segmenter, self.input, self.scratch, options.limit)
        self._begin()
        self.seconds = self._window_seconds()

    def run(self, executor: Executor = serial) -> Generator[Progress, None, int]:
        """Do all tasks that are not done; yields after each, returns the number of nuclei.

        Args:
            executor: does the tasks.

        Raises:
            UserError: for a damaged chunk, for an input that changed meanwhile, or when objects need more
                memory than is allowed.
            OSError: when the disk is full.
        """
        pipeline = self.pipeline
        yield from run_steps(pipeline.prediction, executor)
        if pipeline.is_blank:
            log.warning("%s: has one value everywhere; no nuclei are looked for in it", self.input.path)
        yield from run_steps(pipeline.decoding.steps, executor)
        self._check_unchanged()
        count = pipeline.decoding.labels().count
        if self.table:
            yield from run_steps({"table": pipeline.table}, executor)
            pipeline.table.write(self.table, self.input.spacing, pipeline.free_memory)
        origin = {**pipeline.result.origin, "table": int(bool(self.table))}
        format_, result = FORMATS[self.options.format], replace(pipeline.result, origin=origin)
        yield from run_steps(format_.steps(result), executor)
        companions.remove(self.result, self.segmenter, {self.table})
        format_.write(self.result, result)
        remove(self.scratch)
        return count

    def spec(self, run: RunSpec) -> JobSpec:
        """What other processes need to do tasks of this job.

        Args:
            run: of the segmenter.
        """
        number = json.loads(job_file(self.scratch).read_text())["job"]
        return JobSpec(
            run, weights_hash(self.segmenter), str(self.input.path.resolve()), str(self.scratch.resolve()),
            number, self.options.limit, self.options.skip_damaged,
        )  # fmt: skip

    def steps(self) -> dict[str, int]:
        """The most tasks that `run` may yield, per step."""
        blocks = len(Grid(self.input.shape, self.pipeline.plan.block))
        names = ["components", "watershed", "holes", "peaks", "split", *["table"] * bool(self.table)]
        others = self.pipeline.prediction | dict(FORMATS[self.options.format].steps(self.pipeline.result))
        return dict.fromkeys(names, blocks) | {name: len(step) for name, step in others.items()}

    def _begin(self) -> None:
        """Read the plan of an interrupted job, or make a new one."""
        now, noted = fingerprint(self.segmenter, self.input.path), job_file(self.scratch)
        if noted.exists() and not self.options.resume:
            raise UserError(
                f"{self.scratch}: holds an interrupted prediction; rerun with --resume, or remove the folder"
            )
        if noted.exists():
            if different := changes(json.loads(noted.read_text())["what"], now):
                raise UserError(
                    f"{self.scratch}: cannot be resumed, because {different}; use the same settings, file "
                    "and run as before, or remove the folder to begin again"
                )
            if (memory := self.pipeline.plan.memory) > self.options.limit:
                raise UserError(
                    f"{self.scratch}: was begun with blocks that need about {memory / 1e9:.2f} GB of memory, "
                    f"but {self.options.limit / 1e9:.3g} GB are allowed; raise --max-memory to "
                    f"{for_option(memory)}, or remove the folder to begin again with smaller ones"
                )
            if not self.options.skip_damaged:
                check_skipped(self.scratch, self.pipeline.skipped(), "remove the folder to begin again")
            save_missing(self.input.volume, self.scratch)  # including chunks lost meanwhile, for workers
            return
        forget_peak()  # of the previous volume
        seconds = self._window_seconds()  # also allocates the network's memory, which peak() then includes
        cut = plan(
            self.input.resizing, voxel_shape(self.input.spacing, len(self.input.shape)),
            self.pipeline.budget(peak()),
            window=self.pipeline.tiling.window, step=self.pipeline.tiling.step,
            reach=self.pipeline.rules.reach, regions=REGIONS_PER_WORKER * self.workers,
            windows=math.inf if self.workers else REGION_SECONDS / seconds,
        )  # fmt: skip
        maps = len(self.segmenter.target.channels)
        _check_disk(self.result.parent, maps * math.prod(self.input.extent))
        self.pipeline.begin(cut, what=now, job=secrets.token_hex(8))

    def _check_unchanged(self) -> None:
        began = json.loads(job_file(self.scratch).read_text())["what"]
        if different := changes(began, fingerprint(self.segmenter, self.input.path)):
            raise UserError(
                f"{self.input.path}: was written to while it was predicted ({different}), so that its labels "
                f"would be of two pictures; predict again when it is complete, after removing {self.scratch}"
            )

    def estimate(self) -> str:
        """Time, memory and disk that the job needs, in words."""
        pipeline, total = self.pipeline, math.prod(self.input.shape)
        stored = len(self.segmenter.target.channels) * math.prod(self.input.extent) + 2.5 * total
        windows = pipeline.network_maps.windows(reuse=not self.workers)
        first = len(pipeline.tiling) if len(pipeline.statistics) else 0
        seconds = (windows + first) * self.seconds + total / DECODED_PER_SECOND
        seconds = (seconds + pipeline.intensities.seconds()) / max(self.workers, 1)
        size = "x".join(map(str, self.input.shape))
        window, block = ("x".join(map(str, one)) for one in (pipeline.tiling.window, pipeline.plan.block))
        blocks = plural(len(Grid(self.input.shape, pipeline.plan.block)), "block")
        twice = windows - len(pipeline.tiling)
        more = f" (and {twice} again, where regions overlap)" if twice else ""
        return (
            f"{self.input.path}: {size} voxels, {plural(len(pipeline.tiling), 'window')} of {window}{more}, "
            f"{blocks} of {block}; about {duration(seconds)}, up to {pipeline.plan.memory / 1e9:.1f} GB of "
            f"memory{' per worker' if self.workers else ''} ({self.options.limit / 1e9:.3g} GB are allowed), "
            f"{storage(stored)} of disk"
        )

    def _window_seconds(self) -> float:
        """Seconds per window; the second batch is timed, because the first allocates memory."""
        pipeline = self.pipeline
        windows = torch.zeros(pipeline.batch, self.segmenter.method.task.channels, *pipeline.tiling.window)
        self.segmenter.tiles(windows)
        begin = time.perf_counter()
        self.segmenter.tiles(windows)
        return (time.perf_counter() - begin) / pipeline.batch


def _check_disk(folder: Path, needed: int) -> None:
    """Refuse a job that cannot finish for lack of disk space."""
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < needed:
        raise UserError(
            f"{folder}: not enough disk space: the maps alone need {storage(needed)}, {storage(free)} are "
            "free; free some, or choose a folder on another disk with --output"
        )
