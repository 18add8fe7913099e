"""How the intensities of one volume are scaled: the first steps, that go through all of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.maps.volume import Input
from nucleizoo.blockwise.state.block_store import OfBlocks, Stage
from nucleizoo.ops.grid import Grid
from nucleizoo.preprocess import Found, Known, Limits, Pass, passes

UNIT = 2**27
"""Bytes of a unit at least, where the volume has so many; they take a second or so."""

MOST = 4096
"""Units, about, of volumes of any size: what they count is put together by one process."""

ENOUGH = 0.5
"""Seconds for which some of a volume is read, for the estimate."""

COUNTED_A_SECOND = 2e8
"""Voxels that one core counts in a second, beside reading them, for the estimate."""


class Intensities:
    """The steps that find the limits of a scaling, before anything that sees the volume scaled.

    There is one, and one more before it for types of which not every value can be counted; none where the
    limits follow from the type.

    Args:
        seen: the volume.
        block: of `unit_of`, as it was noted when the work began.
        scratch: folder of what is found on the way.

    Attributes:
        steps: by name, in order.
    """

    def __init__(self, seen: Input, block: tuple[int, ...], scratch: Path) -> None:
        self.seen, self.steps = seen, dict[str, PassStep]()
        values = seen.values
        self._grid = Grid((*values.outer, *values.shape), block)
        scaling = seen.reader.scaling
        self._fixed = scaling.fixed(values.dtype) if scaling.over == "volume" else None
        known: Known = dict[str, NDArray[Any]]().__getitem__
        for name, one in {} if self._fixed else passes(seen.values, scaling).items():
            self.steps[name] = PassStep(one, seen, Stage(scratch / name, self._grid), known)
            known = self.steps[name].stage.table

    def limits(self) -> Limits:
        """What becomes 0 and 1, once the steps are joined.

        Raises:
            UserError: when what they noted is gone or damaged.
        """
        if self._fixed:
            return np.array(self._fixed[0]), np.array(self._fixed[1])
        *_, last = self.steps.values()
        return last.stage.table("low"), last.stage.table("high")

    def skipped(self) -> list[str]:
        """Chunks that were taken for black so far, in words."""
        return [words for step in self.steps.values() for words in step.skipped()]

    def seconds(self) -> float:
        """What is left to do takes so long on one core, by the time in which some of it is read.

        Raises:
            ImageReadError: when it cannot be read.
        """
        left = sum(len(list(step.missing())) for step in self.steps.values())
        if not left:
            return 0.0
        begin, spent, seen = time.perf_counter(), 0.0, 0
        for some in self.seen.values.all(self._grid.box(len(self._grid) // 2)):
            seen += math.prod(some.shape[1:])
            if (spent := time.perf_counter() - begin) > ENOUGH:  # a chunk may come in many parts
                break
        a_voxel = spent / seen + 1 / COUNTED_A_SECOND
        return left / len(self._grid) * math.prod(self._grid.shape) * a_voxel


class PassStep(OfBlocks):
    """A step that is one pass through the volume.

    Args:
        one: the pass.
        seen: the volume.
        stage: to keep what is found.
        known: what the pass before found.
    """

    def __init__(self, one: Pass, seen: Input, stage: Stage, known: Known) -> None:
        self.one, self.seen, self.stage, self.known = one, seen, stage, known

    def do(self, index: int) -> None:
        """Go through one box.

        Raises:
            ImageReadError: when a chunk cannot be read, or intensities are none that can be used.
            OSError: when the disk is full.
        """
        found = self.one.seen(self.stage.grid.box(index), self.known)
        self.stage.write(index, {**found, "skipped": np.array(self.seen.met, str)})

    def join(self) -> None:
        """Pool what was found in all boxes.

        Raises:
            ImageReadError: when intensities are none that can be used.
        """
        if self.stage.is_joined:
            return
        pooled = self.one.pooled(self._found(range(len(self))), self.known)
        self.stage.keep({**pooled, "skipped": np.array(self.skipped(), str)})

    def skipped(self) -> list[str]:
        """Chunks that were taken for black in the boxes that were gone through, in words."""
        if self.stage.is_joined:
            return list(self.stage.table("skipped").tolist())
        done = sorted({*range(len(self))}.difference(self.missing()))
        return sorted({words for found in self._found(done) for words in found["skipped"].tolist()})

    def _found(self, done: Iterable[int]) -> Iterator[Found]:
        for index in done:
            with self.stage.read(index) as file:
                yield file


def unit_of(seen: Input) -> tuple[int, ...]:
    """The boxes in which a volume is gone through: whole chunks, whole planes if each is scaled alone."""
    volume, values = seen.volume, seen.values
    total = math.prod((*values.outer, *values.shape)) * volume.dtype.itemsize * volume.channels
    return values.boxes(max(UNIT, total / MOST), planes=seen.reader.scaling.over == "image").block
