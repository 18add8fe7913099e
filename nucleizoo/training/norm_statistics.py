"""Statistics of a network's norms on training images, to be used in every tile of a prediction."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from yacs.config import CfgNode

from nucleizoo.contracts import Augment, Dataset
from nucleizoo.contracts.hook import Training
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.training.batches import draw

CROPS, FEWEST, VOXELS = 64, 8, 2**24
"""Crops that statistics are pooled over: at most, at least, and about how many voxels in total."""

PASS = 2**16
"""Voxels that pass the networks at once: alone, a small crop or a volume takes up to three times as long."""


class Remembered:
    """Norm statistics of a training's networks, pooled over augmented crops of its images.

    They are saved with the weights, and prediction uses them in every tile: a nucleus then looks the same
    in all tiles, however many nuclei are beside it. (Statistics of other pictures, as in the source that
    supervised methods learn from, are misleading on the images: docs/results.md.)

    Args:
        config: of the training.
        images: to be segmented.
        augment: of the training.
    """

    def __init__(self, config: CfgNode, images: Dataset, augment: Augment) -> None:
        self.config, self.images, self.augment = config, images, augment
        self._known: tuple[int, Statistics] | None = None

    def __call__(self, trainer: Training, iteration: int) -> Statistics:
        """The statistics with the present weights, those for prediction after an iteration."""
        if self._known is None or self._known[0] != iteration:
            segmenter = Segmenter(trainer.method, self.config, trainer.precision)
            self._known = (iteration, self._seen(segmenter))
        return self._known[1]

    def _seen(self, segmenter: Segmenter) -> Statistics:
        seen, crops = Statistics(), self._crops
        together = max(PASS // math.prod(self.config.DATASET.SIZE), 2)
        for first in range(0, len(crops), together):
            segmenter.watch(np.stack(crops[first : first + together]), into=seen)
            if not seen.layers:  # no norms over space
                break
        return seen

    @cached_property
    def _crops(self) -> list[NDArray[np.float32]]:
        """(C, *S) each, always the same."""
        size, rng = self.config.DATASET.SIZE, np.random.default_rng(self.config.SYSTEM.SEED)
        count = min(max(VOXELS // math.prod(size), FEWEST), CROPS)
        images = (draw(self.images, self.augment, rng, size).image for _ in range(count))
        return [image for image in images if image is not None]


def as_it_predicts(trainer: Training, config: CfgNode, remembered: Remembered | None) -> Segmenter:
    """The segmenter that a training would give if its run were opened now."""
    statistics = remembered(trainer, trainer.iteration) if remembered else None
    return Segmenter(trainer.method, config, trainer.precision, statistics)
