"""SpCycleGAN: CycleGAN whose made images must show every nucleus where its mask has it [1, 2].

[1] Fu et al., "Three dimensional fluorescence microscopy image synthesis and segmentation", 2018
    (arXiv 1801.07198).
[2] DeepSynth package at 3950032 of its mirror (CC BY-NC-SA), read for facts: third network, weights, order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nucleizoo.contracts import Clock, Group, Task
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import GENERATORS, LOSSES, METHODS

from .cyclegan import CycleGAN, Trip


@METHODS.register("spcyclegan")
class SpCycleGAN(CycleGAN):
    """CycleGAN with a third network that must find the mask again in the image made from it.

    The third network (H of [1]) is trained together with the translators: the spatial loss teaches it to
    segment made images, and the translator to make images in which nuclei keep their places, which the cycle
    alone does not ask for. It is not used in prediction.

    It was made for the planes of volumes: train it in 2D, where volumes are read as planes, on masks of the
    dataset 'planes'. It then segments volumes plane by plane, and translates synthetic ones, plane by plane,
    for the segmenter `deepsynth` (dataset 'translated').

    Args:
        generator: each translator, and the third network (code: resnet of 9 blocks).
        spatial: loss of the third network's output for made images, in [-1, 1] (code: mse, weight 10).
        settings: of CycleGAN.

    Raises:
        ValueError: for a setting outside its range.
    """

    def __init__(
        self,
        task: Task,
        *,
        generator: Recipe = GENERATORS.recipe("resnet"),
        spatial: Recipe = LOSSES.recipe("mse", weight=10.0),
        **settings: Any,
    ) -> None:
        super().__init__(task, generator=generator, **settings)
        self.finder: nn.Module = generator(self.channels["image"], self.channels["source"], task.dims)
        self.spatial = spatial()

    def groups(self) -> dict[str, Group]:
        """The third network shares the optimiser of the translators."""
        makers = (*self.translators.parameters(), *self.finder.parameters())
        return {**super().groups(), "generator": Group(makers)}

    def generator_losses(self, trip: Trip, clock: Clock) -> dict[str, Tensor]:
        """CycleGAN's losses, and the spatial loss."""
        losses = super().generator_losses(trip, clock)
        return losses | {"spatial": self.spatial(self.found(trip.fake["image"]), trip.real["source"])}

    def found(self, image: Tensor) -> Tensor:
        """Made images -> the pictures of the source domain that the third network finds in them."""
        return self.drawn(self.finder(image), image)

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """CycleGAN's pictures, and what the third network finds."""
        pictures = super().snapshot(batch)
        return pictures | {"source found": self.found(pictures["made image"])}
