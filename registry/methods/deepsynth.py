"""DeepSynth: a segmenter of volumes, trained on synthetic ones that SpCycleGAN made look real [1, 2].

[1] Dunn et al., "DeepSynth: Three-dimensional nuclear segmentation of biological images using neural networks
    trained with synthetic data", 2019.
[2] DeepSynth package at 3950032 of its mirror (CC BY-NC-SA), read for facts: network, loss, training.
"""

from __future__ import annotations

from typing import Any

from nucleizoo.contracts import Task
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import GENERATORS, MAP_LOSSES, METHODS

from .supervised import Supervised


@METHODS.register("deepsynth")
class DeepSynth(Supervised):
    """Learns masks of volumes from synthetic volumes that a run of `spcyclegan` translated plane by plane.

    It is stage two: train `spcyclegan` in 2D first, and name its run in DATASET.SOURCE of this one (dataset
    'translated'). Prediction keeps the middle of windows of 64 voxels, INFERENCE.WINDOW [64, 64, 64] and
    INFERENCE.BLENDING.NAME middle.

    Args:
        network: from a volume to its mask.
        segmentation: loss of the mask.

    Raises:
        ValueError: when the source has no pictures.

    Differs: [2] trains on 64 volumes of 64x64x64 voxels at a time, without augmentation; here COUNT of
    'translated' says how many there are, and they are augmented as DATASET.AUGMENT says. Touching nuclei are
    separated by the decoder, in [1] by a watershed of its own.
    """

    def __init__(
        self,
        task: Task,
        *,
        network: Recipe = GENERATORS.recipe("deepsynth"),
        segmentation: Recipe = MAP_LOSSES.recipe("deepsynth"),
        **settings: Any,
    ) -> None:
        super().__init__(task, network=network, segmentation=segmentation, **settings)
