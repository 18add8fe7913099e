"""Maps to labels block by block: the labels that decoding the whole volume at once gives, voxel for voxel."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.components import Survey
from nucleizoo.blockwise.decode.holes import Holes
from nucleizoo.blockwise.decode.label_volume import Labelled, Numbers
from nucleizoo.blockwise.decode.landscape import Look, MapsLook, ReadMaps
from nucleizoo.blockwise.decode.split_touching import DepthLook
from nucleizoo.blockwise.decode.watershed import Growth
from nucleizoo.blockwise.plan.budget import Budget
from nucleizoo.blockwise.state.block_store import Stage
from nucleizoo.blockwise.step import Step
from nucleizoo.core.errors import UserError
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.labels.block_components import Joined
from nucleizoo.ops.labels.rules import Rules


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
        budget: for what is flooded at once.
    """

    rules: Rules
    maps: ReadMaps
    grid: Grid
    folder: Path
    margin: tuple[int, ...]
    budget: Budget = field(default_factory=Budget)

    @property
    def steps(self) -> dict[str, Step]:
        """What is to be done, in order."""
        return self._chain[0]

    def decoded(self) -> Numbers:
        """The labels, once all steps are carried out."""
        return self._chain[1]

    @cached_property
    def _chain(self) -> tuple[dict[str, Step], Numbers]:
        """Step by step, and the last one, which gives the labels."""
        rules, steps = self.rules, dict[str, Step]()
        look, seeds = MapsLook(rules, self.maps, self.grid), rules.seeds
        survey = Survey(
            self._stage("survey"), look, None if seeds is None else partial(_large, max(seeds.min_size, 1)),
            keep_rest=seeds is not None and seeds.keep_rest,
            full_parts=rules.full, full_seeds=seeds is not None and seeds.full,
        )  # fmt: skip
        steps["survey"], objects = survey, cast(Labelled, survey.parts)
        if seeds is not None:
            steps["growth"] = objects = self._growth("growth", survey, look)
        if rules.fill_holes:
            steps["holes"] = objects = Holes(self._stage("holes"), objects)
        if rules.split:
            depth = DepthLook(objects, self.grid, rules.spacing, self.margin, self.budget)
            choose = partial(depth.chosen, apart=rules.split)
            summits = Survey(
                self._stage("summits"), depth, choose, keep_rest=True, full_seeds=True, note=depth.note
            )
            steps["summits"] = summits
            steps["split"] = objects = self._growth("split", summits, depth)
        steps["numbers"] = numbers = Numbers(self._stage("numbers"), objects, rules.min_size)
        return steps, numbers

    def _growth(self, name: str, survey: Survey, look: Look) -> Growth:
        return Growth(self._stage(name), survey, look, margin=self.margin, budget=self.budget)

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


def _large(min_size: int, stage: Stage, seeds: Joined) -> NDArray[np.bool_]:
    """Which seeds have so many voxels."""
    return seeds.sizes >= min_size
