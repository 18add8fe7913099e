"""Maps to instance labels block by block, with exactly the labels of decoding the whole volume at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.components import Components
from nucleizoo.blockwise.decode.holes import Holes
from nucleizoo.blockwise.decode.label_volume import FinalLabels, LabelVolume
from nucleizoo.blockwise.decode.landscape import LandscapeReader, MapLandscape, ReadMaps
from nucleizoo.blockwise.decode.split_touching import DepthLandscape
from nucleizoo.blockwise.decode.watershed import Watershed
from nucleizoo.blockwise.plan.budget import Budget
from nucleizoo.blockwise.state.block_store import BlockStore
from nucleizoo.blockwise.step import Step
from nucleizoo.core.errors import UserError
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.labels.block_components import Joined
from nucleizoo.ops.labels.rules import Rules


@dataclass(frozen=True)
class Decoding:
    """The steps that decode one volume by a decoder's rules.

    Results are stored per step and block, so that finished blocks are never computed again.

    Attributes:
        rules: from `check_rules`.
        maps: reads any part of the maps.
        grid: the blocks.
        folder: for the results.
        margin: initial margin of a block for the watershed, voxels per axis.
        budget: of memory.
    """

    rules: Rules
    maps: ReadMaps
    grid: Grid
    folder: Path
    margin: tuple[int, ...]
    budget: Budget = field(default_factory=Budget)

    @property
    def steps(self) -> dict[str, Step]:
        """All steps, in order."""
        return self._chain[0]

    def labels(self) -> FinalLabels:
        """The labels, once all steps are done."""
        return self._chain[1]

    @cached_property
    def _chain(self) -> tuple[dict[str, Step], FinalLabels]:
        """All steps, and the last one, which gives the labels."""
        rules, steps = self.rules, dict[str, Step]()
        landscape, seeds = MapLandscape(rules, self.maps, self.grid), rules.seeds
        components = Components(
            self._store("components"), landscape,
            None if seeds is None else partial(_large_enough, max(seeds.min_size, 1)),
            keep_rest=seeds is not None and seeds.keep_rest,
            full_foreground=rules.full, full_seeds=seeds is not None and seeds.full,
        )  # fmt: skip
        steps["components"], objects = components, cast(LabelVolume, components.foreground)
        if seeds is not None:
            steps["watershed"] = objects = self._watershed("watershed", components, landscape)
        if rules.fill_holes:
            steps["holes"] = objects = Holes(self._store("holes"), objects)
        if rules.split:
            depth = DepthLandscape(objects, self.grid, rules.spacing, self.margin, self.budget)
            peaks = Components(
                self._store("peaks"), depth, partial(depth.select, apart=rules.split),
                keep_rest=True, full_seeds=True, measure=depth.measure,
            )  # fmt: skip
            steps["peaks"] = peaks
            steps["split"] = objects = self._watershed("split", peaks, depth)
        steps["labels"] = labels = FinalLabels(self._store("labels"), objects, rules.min_size)
        return steps, labels

    def _watershed(self, name: str, components: Components, landscape: LandscapeReader) -> Watershed:
        return Watershed(self._store(name), components, landscape, self.margin, self.budget)

    def _store(self, name: str) -> BlockStore:
        return BlockStore(self.folder / name, self.grid)


def check_rules(rules: Rules) -> Rules:
    """The rules themselves.

    Raises:
        UserError: when their watershed has another back end than 'frontier'.
    """
    backends = {rules.watershed, rules.seeds.watershed if rules.seeds else "frontier"} - {"frontier"}
    if backends:
        raise UserError(
            "prediction by blocks needs the watershed 'frontier' in INFERENCE.DECODER, got "
            f"'{backends.pop()}', whose order is not fixed, so that neighbouring blocks could disagree"
        )
    return rules


def _large_enough(min_size: int, store: BlockStore, seeds: Joined) -> NDArray[np.bool_]:
    """Which seeds have at least `min_size` voxels."""
    return seeds.sizes >= min_size
