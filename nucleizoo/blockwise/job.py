"""One volume from file to labels, by blocks, to be gone on with after an interruption."""

from __future__ import annotations

import json
import math
import secrets
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nucleizoo.blockwise.dask.task import Order, RunSpec
from nucleizoo.blockwise.maps.volume import Input
from nucleizoo.blockwise.pipeline import Work
from nucleizoo.blockwise.plan.budget import default_limit, for_option, peak
from nucleizoo.blockwise.plan.plan import plan
from nucleizoo.blockwise.state.fingerprint import changes, check_skipped, digest, identity
from nucleizoo.blockwise.state.scratch import job_file, remove, save_missing
from nucleizoo.blockwise.step import Crew, Progress, alone, carried_out
from nucleizoo.blockwise.write.formats import FORMATS, check_place, place_of_table, places
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import duration, plural, storage
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.io import zarr_library
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.memory import forget_peak

UNITS = 4
"""Of prediction, wanted a worker: so that the last to finish does not keep the others waiting for long."""

AWAY = 120.0
"""Seconds that a unit of prediction takes one process alone, about: so much is done again after Ctrl-C."""

DECODED_A_SECOND = 2e6
"""Voxels that one core decodes in a second, for the estimate."""


@dataclass(frozen=True)
class Options:
    """How a volume is predicted by blocks.

    Attributes:
        format: of the labels, one of `FORMATS`.
        max_memory: of each process, in 10^9 bytes; 0 is half of the machine's.
        resume: continue an interrupted job.
        skip_damaged: treat chunks that are missing or damaged as black.

    Raises:
        UserError: for a memory that is no amount, or a format whose package is not installed.
    """

    format: str = "tif"
    max_memory: float = 0.0
    resume: bool = False
    skip_damaged: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_memory < float("inf"):
            raise UserError(f"--max-memory is a number of gigabytes, got {self.max_memory:g}")
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

    What is found on the way lies in the hidden folder `.<stem>_blocks` beside the result, and goes when
    the result is there. The process must hold it (`scratch.held`) as long as there is the job.

    Args:
        segmenter: of the run.
        path: the volume's file or Zarr folder.
        folder: for the result.
        options: see there.
        workers: how many will work, so that all have units of prediction; 0 is this process alone.
        table: write `<stem>_nuclei.csv`, too.

    Raises:
        UserError: for a file, result or memory limit that cannot be used.
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
        self.segmenter, self.options, self.workers = segmenter, options, workers
        self.result, self.scratch = places(path, folder, options.format)
        self.table = place_of_table(path, folder) if table else None
        check_place(self.result, options.format)
        known = self.scratch if options.resume and job_file(self.scratch).exists() else None
        self.input = Input(path, segmenter.reader, skip_damaged=options.skip_damaged, scratch=known)
        self.work = Work(segmenter, self.input, self.scratch, options.limit)
        self._begin()
        self.seconds = self._tile_time()

    def run(self, crew: Crew = alone) -> Generator[Progress, None, int]:
        """Do all that is not done; yields after every unit, returns the number of nuclei.

        Args:
            crew: does the units.

        Raises:
            UserError: for a damaged chunk, or when the memory allowed is too small for the objects.
            OSError: when the disk is full.
        """
        yield from carried_out(self.work.before, crew)
        yield from carried_out(self.work.decoding.steps, crew)
        count = self.work.decoding.decoded().count
        if self.table:
            yield from carried_out({"table": self.work.table}, crew)
            self.work.table.write(self.table, self.input.spacing, self.work.left)
        origin = {**self.work.result.origin, "table": int(bool(self.table))}
        format_, result = FORMATS[self.options.format], replace(self.work.result, origin=origin)
        yield from carried_out(format_.steps(result), crew)
        format_.write(self.result, result)
        remove(self.scratch)
        return count

    def order(self, spec: RunSpec) -> Order:
        """What other processes must know to do units of this job.

        Args:
            spec: of the segmenter.
        """
        number = json.loads(job_file(self.scratch).read_text())["job"]
        return Order(
            spec, digest(self.segmenter), str(self.input.path.resolve()), str(self.scratch.resolve()),
            number, self.options.limit, self.options.skip_damaged,
        )  # fmt: skip

    def steps(self) -> dict[str, int]:
        """How many times `run` yields at most, by what it says."""
        blocks = len(Grid(self.input.shape, self.work.plan.block))
        names = ["survey", "growth", "holes", "summits", "split", *["table"] * bool(self.table)]
        others = self.work.before | dict(FORMATS[self.options.format].steps(self.work.result))
        return dict.fromkeys(names, blocks) | {name: len(step) for name, step in others.items()}

    def _begin(self) -> None:
        """Find the plan of an interrupted job, or make a new one."""
        what, at = identity(self.segmenter, self.input.path), job_file(self.scratch)
        if at.exists() and not self.options.resume:
            raise UserError(
                f"{self.scratch}: holds an interrupted prediction; go on with --resume, or remove the folder"
            )
        if at.exists():
            if told := changes(json.loads(at.read_text())["what"], what):
                raise UserError(
                    f"{self.scratch}: was begun otherwise: {told}; go on as it was begun, or remove the "
                    "folder to begin again"
                )
            if (memory := self.work.plan.memory) > self.options.limit:
                raise UserError(
                    f"{self.scratch}: was begun with blocks that need about {memory / 1e9:.2f} GB of memory, "
                    f"{self.options.limit / 1e9:.3g} GB are allowed; raise --max-memory to "
                    f"{for_option(memory)}, or remove the folder to begin again with smaller ones"
                )
            if not self.options.skip_damaged:
                check_skipped(self.scratch, self.work.skipped(), "remove the folder to begin again")
            save_missing(self.input.volume, self.scratch)  # what was lost meanwhile, for workers
            return
        forget_peak()  # of the volume before
        seconds = self._tile_time()  # and the network takes its memory, that is not left for blocks
        cut = plan(
            self.input.resizing, voxel_shape(self.input.spacing, len(self.input.shape)),
            self.work.budget(peak()),
            window=self.work.tiling.window, step=self.work.tiling.step, regions=UNITS * self.workers,
            windows=math.inf if self.workers else AWAY / seconds,
        )  # fmt: skip
        maps = len(self.segmenter.target.channels)
        _check_disk(self.result.parent, maps * math.prod(self.input.extent))
        self.work.begin(cut, what=what, job=secrets.token_hex(8))

    def estimate(self) -> str:
        """What the work takes, in words."""
        work, total = self.work, math.prod(self.input.shape)
        stored = len(self.segmenter.target.channels) * math.prod(self.input.extent) + 2.5 * total
        windows = work.predict.windows(going_on=not self.workers)
        first = len(work.statistics.tiling) if len(work.statistics) else 0
        seconds = (windows + first) * self.seconds + total / DECODED_A_SECOND + work.intensities.seconds()
        seconds /= max(self.workers, 1)
        size = "x".join(map(str, self.input.shape))
        window, block = ("x".join(map(str, one)) for one in (work.tiling.window, work.plan.block))
        blocks = plural(len(Grid(self.input.shape, work.plan.block)), "block")
        twice = windows - len(work.tiling)
        more = f" (and {twice} again, where units overlap)" if twice else ""
        return (
            f"{self.input.path}: {size} voxels, {plural(len(work.tiling), 'window')} of {window}{more}, "
            f"{blocks} of {block}; about {duration(seconds)}, up to {work.plan.memory / 1e9:.1f} GB of "
            f"memory{' a worker' if self.workers else ''} ({self.options.limit / 1e9:.3g} GB are allowed), "
            f"{storage(stored)} of disk"
        )

    def _tile_time(self) -> float:
        """Seconds a window; the second one is timed, for the first takes memory."""
        work = self.work
        tile = torch.zeros(work.batch, self.segmenter.method.task.channels, *work.tiling.window)
        self.segmenter.tiles(tile)
        begin = time.perf_counter()
        self.segmenter.tiles(tile)
        return (time.perf_counter() - begin) / work.batch


def _check_disk(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot end."""
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < needed:
        raise UserError(
            f"{folder}: {storage(needed)} of disk are needed for the maps alone, {storage(free)} are free; "
            "free some, or name a folder on another disk with --output"
        )
