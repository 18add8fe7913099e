"""Maps to labels block by block: the labels that decoding the whole volume at once gives, voxel for voxel."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.large._growth import Growth
from nucleizoo.large._holes import filled, look_for_holes
from nucleizoo.large._labelled import Labelled
from nucleizoo.large._look import Look, MapsLook, ReadMaps
from nucleizoo.large._stage import Stage
from nucleizoo.large._survey import Survey, look_at_blocks, put_together
from nucleizoo.large._waists import DepthLook
from nucleizoo.ops.grid import Box, Grid
from nucleizoo.ops.rules import Rules

Progress = tuple[str, int]
"""A step, and the block that it was done to."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """The labels of a volume, read where they are wanted.

    Attributes:
        read: a part of the volume -> its labels, int32, 1..count by first voxel in raster order.
        count: of nuclei.
    """

    read: Callable[[Box], NDArray[np.int32]]
    count: int


@dataclass(frozen=True)
class Decoding:
    """The decoding of one volume by a decoder's rules.

    Everything that is found is kept in a folder, a file a step and a block; what is there already is not
    done again.

    Attributes:
        rules: from `check_rules`.
        maps: reads any part of the maps.
        grid: the blocks.
        folder: for what is found on the way.
        margin: voxels around a block, an axis, that are flooded with it to begin with.
        limit: voxels that may be flooded at once.
    """

    rules: Rules
    maps: ReadMaps
    grid: Grid
    folder: Path
    margin: tuple[int, ...]
    limit: float = np.inf

    def run(self) -> Generator[Progress, None, Decoded]:
        """Do all that is not done, yielding after every block of every step; returns the labels.

        Raises:
            UserError: when the memory allowed is too small for the objects.
            OSError: when the disk is full.
        """
        rules, look = self.rules, MapsLook(self.rules, self.maps, self.grid)
        stage = self._stage("survey")
        full_seeds = rules.seeds is not None and rules.seeds.full
        yield from _told("survey", look_at_blocks(stage, look, full_parts=rules.full, full_seeds=full_seeds))
        survey = put_together(stage, seeded=rules.seeds is not None)
        objects = survey.labelled("parts")
        if rules.seeds is not None:
            large = survey.labelled("seeds").sizes >= max(rules.seeds.min_size, 1)
            objects = yield from self._grown("growth", survey, look, large, rules.seeds.keep_rest)
        if rules.fill_holes:
            stage = self._stage("holes")
            yield from _told("holes", look_for_holes(stage, objects))
            objects = filled(stage, objects)
        if rules.split:
            objects = yield from self._split(objects)
        table, count = objects.numbered(rules.min_size)
        return Decoded(lambda box: table[objects.read(box)], count)

    def _split(self, objects: Labelled) -> Generator[Progress, None, Labelled]:
        look = DepthLook(objects, self.grid, self.rules.spacing, self.margin, self.limit)
        stage = self._stage("summits")
        yield from _told("summits", look_at_blocks(stage, look, full_seeds=True, note=look.note))
        survey = put_together(stage, seeded=True)
        seeds = look.chosen(survey, self.rules.split)
        return (yield from self._grown("split", survey, look, seeds, keep_rest=True))

    def _grown(
        self, name: str, survey: Survey, look: Look, seeds: NDArray[np.bool_], keep_rest: bool
    ) -> Generator[Progress, None, Labelled]:
        growth = Growth(
            self._stage(name), survey, look, seeds, keep_rest=keep_rest, margin=self.margin, limit=self.limit
        )
        yield from _told(name, growth.blocks())
        return growth.labelled()

    def _stage(self, name: str) -> Stage:
        return Stage(self.folder / name, self.grid)


def check_rules(rules: Rules) -> Rules:
    """The rules themselves.

    Raises:
        UserError: when they flood with another back end than 'frontier'.
    """
    backends = {rules.watershed, rules.seeds.watershed if rules.seeds else "frontier"}
    if backends != {"frontier"}:
        raise UserError(
            "by blocks, INFERENCE.DECODER.WATERSHED is 'frontier': scikit-image's has no fixed order, so "
            "that neighbouring blocks could disagree"
        )
    return rules


def _told(step: str, blocks: Iterator[int]) -> Iterator[Progress]:
    return ((step, index) for index in blocks)
