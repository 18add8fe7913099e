"""CGU-net: CycleGAN makes images for synthetic masks, and a U-Net learns from the pairs [1].

[1] Boehland et al., "Influence of synthetic label image object properties on GAN supported segmentation
    pipelines", 2019; cited by AD-GAN, whose authors give no settings of it. Neither text nor code was read.
[2] Ronneberger et al., U-Net: convolutional networks for biomedical image segmentation, 2015.
"""

from __future__ import annotations

from typing import Any

from nucleizoo.contracts import Task
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import GENERATORS, MAP_LOSSES, METHODS

from .supervised import Supervised


@METHODS.register("cgunet")
class CGUNet(Supervised):
    """The classic U-Net with batch normalisation, for masks that a run of `cyclegan` made images of.

    It is stage two: train `cyclegan` between images and synthetic masks first, and name its run in
    DATASET.SOURCE of this one (dataset 'translated').

    Args:
        network: from a picture to the target's maps ([2]: unet_classic).
        segmentation: loss of its maps; unknown, and here cross entropy and Dice alike.

    Raises:
        ValueError: when the source has no pictures.
    """

    def __init__(
        self,
        task: Task,
        *,
        network: Recipe = GENERATORS.recipe("unet_classic"),
        segmentation: Recipe = MAP_LOSSES.recipe("by_channel", dice=1.0, balance=False),
        **settings: Any,
    ) -> None:
        super().__init__(task, network=network, segmentation=segmentation, **settings)
