"""A network trained on labelled pictures: the U-Net rows of both papers, and stage two of pipelines.

[1] Ronneberger et al., U-Net: convolutional networks for biomedical image segmentation, 2015.
[2] Lin et al., NucMM dataset: 3D neuronal nuclei instance segmentation at sub-cubic millimeter scale,
    2021: U3D-BCD, a U-Net with the target 'bcd' (theirs plain, with ELU and batch normalisation; here the
    one of CySGAN).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nucleizoo.contracts import Clock, Group, Method, Task, Update
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import GENERATORS, MAP_LOSSES, METHODS


@METHODS.register("supervised")
class Supervised(Method):
    """Learns maps from the labelled source, and applies the network to images.

    Training never uses the unlabelled images. Source pictures must therefore look like images: take them
    from the same microscope, match their histogram (dataset 'matched'), or translate them with a trained
    run (dataset 'translated').

    Args:
        network: from a picture to the target's maps (U3D-BCD: unet).
        segmentation: loss of its maps.

    Raises:
        ValueError: when the source has no pictures.
    """

    needs = frozenset({"source", "maps"})
    roles = {"network": "segmenter"}

    def __init__(
        self,
        task: Task,
        *,
        network: Recipe = GENERATORS.recipe("unet"),
        segmentation: Recipe = MAP_LOSSES.recipe("by_channel"),
    ) -> None:
        super().__init__(task)
        if not task.source_pictures:
            raise ValueError(
                "it needs labelled pictures, but DATASET.SOURCE gives labels alone; use 'labelled', "
                "'matched' or 'translated'"
            )
        self.network = network(task.channels, len(task.target.channels), task.dims)
        self.segmentation = segmentation()

    def groups(self) -> dict[str, Group]:
        """One optimiser."""
        return {"network": Group(tuple(self.network.parameters()))}

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """One update."""
        logits = self.network(batch["source"])
        yield Update("network", {"segmentation": self.segmentation(logits, batch["maps"], self.task.target)})

    def forward(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) in [-1, 1] -> maps (B, C, *S) in the target's ranges."""
        return self.task.target.activate(self.network(image))

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A source picture, the network's prediction for it, and the true maps."""
        picture = self.task.target.as_image
        return {
            "source": batch["source"], "prediction": picture(self(batch["source"])),
            "truth": picture(batch["maps"]),
        }  # fmt: skip
