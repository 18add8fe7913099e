"""The intensity range that a volume is scaled by: the first steps, which scan all of the file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.blockwise.state.block_store import BlockStep, BlockStore
from nucleizoo.ops.grid import Grid
from nucleizoo.preprocess import Found, Known, Limits, Pass, is_blank, passes

TASK_BYTES = 2**27
"""Smallest task, where the volume is large enough; it takes a second or so."""

MAX_TASKS = 4096
"""Approximate limit on the number of tasks, because one process merges their counts."""

SAMPLE_SECONDS = 0.5
"""How long to read from a volume, for the estimate."""

COUNTED_PER_SECOND = 2e8
"""Voxels that one core counts in a second, without reading them, for the estimate."""


class Intensities:
    """The steps that find the limits of a scaling, before any part of the volume is scaled.

    There is one pass; one more comes first for data types with too many values to count each; there is none
    where the limits follow from the type.

    Args:
        input: the volume.
        block: from `scan_block`, as noted when the job was begun.
        scratch: folder for intermediate results.

    Attributes:
        steps: by name, in order.
    """

    def __init__(self, input: VolumeInput, block: tuple[int, ...], scratch: Path) -> None:
        self.input, self.steps = input, dict[str, IntensityPass]()
        values = input.values
        self._grid = Grid((*values.outer, *values.shape), block)
        scaling = input.reader.scaling
        self._fixed = scaling.fixed(values.dtype) if scaling.over == "volume" else None
        known: Known = dict[str, NDArray[Any]]().__getitem__
        for name, one in {} if self._fixed else passes(input.values, scaling).items():
            self.steps[name] = IntensityPass(one, input, BlockStore(scratch / name, self._grid), known)
            known = self.steps[name].store.table

    def limits(self) -> Limits:
        """The intensities that become 0 and 1, once the steps are joined.

        Raises:
            UserError: when their results are gone or damaged.
        """
        if self._fixed:
            return np.array(self._fixed[0]), np.array(self._fixed[1])
        *_, last = self.steps.values()
        return last.store.table("low"), last.store.table("high")

    def is_blank(self) -> bool:
        """Whether the volume has one value everywhere; see `limits`, which raises the same errors."""
        if self._fixed:
            return is_blank(self.input.values)
        low, high = self.limits()
        return bool((low >= high).all())

    def skipped(self) -> list[str]:
        """Chunks that were treated as black so far, in words."""
        return [words for step in self.steps.values() for words in step.skipped()]

    def seconds(self) -> float:
        """Time that one core needs for the missing tasks, measured on a sample of the volume.

        Raises:
            ImageReadError: when it cannot be read.
        """
        left = sum(len(list(step.missing())) for step in self.steps.values())
        if not left:
            return 0.0
        begin, spent, count = time.perf_counter(), 0.0, 0
        for some in self.input.values.all(self._grid.box(len(self._grid) // 2)):
            count += math.prod(some.shape[1:])
            if (spent := time.perf_counter() - begin) > SAMPLE_SECONDS:  # a chunk may come in many parts
                break
        per_voxel = spent / count + 1 / COUNTED_PER_SECOND
        return left / len(self._grid) * math.prod(self._grid.shape) * per_voxel


class IntensityPass(BlockStep):
    """The step of one pass through the volume.

    Args:
        one: the pass.
        input: the volume.
        store: for the results.
        known: results of the previous pass.
    """

    def __init__(self, one: Pass, input: VolumeInput, store: BlockStore, known: Known) -> None:
        self.one, self.input, self.store, self.known = one, input, store, known

    def do(self, index: int) -> None:
        """Scan one block.

        Raises:
            ImageReadError: when a chunk cannot be read, or intensities cannot be used.
            OSError: when the disk is full.
        """
        found = self.one.seen(self.store.grid.box(index), self.known)
        self.store.write(index, {**found, "skipped": np.array(self.input.newly_skipped, str)})

    def join(self) -> None:
        """Pool the results of all blocks.

        Raises:
            ImageReadError: when intensities cannot be used.
        """
        if self.store.is_joined:
            return
        pooled = self.one.pooled(self._found(range(len(self))), self.known)
        self.store.keep({**pooled, "skipped": np.array(self.skipped(), str)})

    def skipped(self) -> list[str]:
        """Chunks that were treated as black in the blocks scanned so far, in words."""
        if self.store.is_joined:
            return list(self.store.table("skipped").tolist())
        done = sorted({*range(len(self))}.difference(self.missing()))
        return sorted({words for found in self._found(done) for words in found["skipped"].tolist()})

    def _found(self, done: Iterable[int]) -> Iterator[Found]:
        for index in done:
            with self.store.read(index) as file:
                yield file


def scan_block(input: VolumeInput) -> tuple[int, ...]:
    """The block of a scan: whole chunks, and whole planes if each is scaled by its own range."""
    volume, values = input.volume, input.values
    total = math.prod((*values.outer, *values.shape)) * volume.dtype.itemsize * volume.channels
    planes = input.reader.scaling.over == "image"
    return input.values.boxes(max(TASK_BYTES, total / MAX_TASKS), planes=planes).block
