"""CyclePose: a segmenter as one half of the cycle between images and synthetic masks [1].

[1] CyclePose, 2025 (arXiv 2503.11266): a CycleGAN with a segmenter of Cellpose's kind, flows and probability,
    in the branch from images to masks, trained through the cycle; masks are deformed ellipses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from nucleizoo.contracts import Clock, Task, Update
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import GENERATORS, MAP_LOSSES, METHODS

from .cyclegan import CycleGAN, Trip


@dataclass(frozen=True)
class SegmentedTrip(Trip):
    """A trip whose way back to the source is a segmentation."""

    logits: Tensor  # of the segmenter, for the images made from masks
    maps: Tensor  # of these masks


@METHODS.register("cyclepose")
class CyclePose(CycleGAN):
    """CycleGAN whose translator of images is a segmenter, taught by the cycle of the masks.

    Masks become images, in which the segmenter must find them again by its own loss: of flows and
    probability for the target `flow`, of whatever else for another target. Images become maps, of which the
    other half makes them again; a critic compares these maps with those of masks. Of a labelled source only
    the labels are used.

    Args:
        segmenter: the network from an image to the target's maps.
        segmentation: its loss for images made from masks.
        settings: of CycleGAN; GENERATOR is the network from maps to images, CYCLE the loss of images
            translated there and back.

    Raises:
        ValueError: for a setting outside its range.

    Differs: neither the paper's text nor its code could be read; networks, weights and schedule are those of
        CycleGAN, the segmenter is a residual U-Net, and its loss is weighted as a cycle is.

    References: [1] of this module.
    """

    needs = frozenset({"image", "maps"})
    roles = {"segmenter": "segmenter"}
    offset_advice = "train with another SYSTEM.SEED, or use a method that aligns the content of both domains"

    def __init__(
        self,
        task: Task,
        *,
        segmenter: Recipe = GENERATORS.recipe("unet"),
        segmentation: Recipe = MAP_LOSSES.recipe("by_channel", weight=10.0),
        **settings: Any,
    ) -> None:
        masks = replace(task, source_channels=len(task.target.channels), source_pictures=False)
        super().__init__(masks, **settings)
        self.translators["source"] = segmenter(task.channels, len(task.target.channels), task.dims)
        self.segmentation = segmentation()

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """CycleGAN's, of images and of maps as pictures."""
        yield from super().train_step(self.pictures(batch), clock)

    def pictures(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch, its maps being the source's pictures."""
        return {**batch, "source": self.task.target.as_image(batch["maps"])}

    def translate(self, picture: Tensor, to: str) -> Tensor:
        """Picture of the other domain (B, C, *S) -> picture that looks like `to`, both in [-1, 1]."""
        return self.seen(self.translators[to](picture)) if to == "source" else super().translate(picture, to)

    def seen(self, logits: Tensor) -> Tensor:
        """Logits of the segmenter (B, C, *S) -> its maps as a picture, in [-1, 1]."""
        return self.task.target.as_image(self.task.target.activate(logits))

    def travel(self, batch: dict[str, Tensor]) -> SegmentedTrip:
        """Translate both domains there and back, once."""
        real = {"image": batch["image"], "source": batch["source"]}
        fake = {"source": self.translate(real["image"], "source"), "image": self.to_image(real["source"])}
        logits = self.translators["source"](fake["image"])
        back = {"image": self.to_image(fake["source"]), "source": self.seen(logits)}
        return SegmentedTrip(real, fake, back, logits, batch["maps"])

    def generator_losses(self, trip: Trip, clock: Clock) -> dict[str, Tensor]:
        """CycleGAN's losses, with a segmentation in place of the cycle of the masks."""
        assert isinstance(trip, SegmentedTrip)
        losses = super().generator_losses(trip, clock)
        return losses | {"cycle_source": self.segmentation(trip.logits, trip.maps, self.task.target)}

    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """CycleGAN's pictures."""
        return super().snapshot(self.pictures(batch))
