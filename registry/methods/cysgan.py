"""CySGAN: one pair of networks that translates between modalities and segments both [1, 2].

[1] Lauenburg et al., Instance segmentation of unlabeled modalities via cyclic segmentation GAN, 2022,
    section 2, equations 1 to 6.
[2] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e, projects/CySGAN (MIT), read for
    weights, detached inputs, clean targets, pools and the order of updates.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nucleizoo.contracts import Clock, Group, Task, Update
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DISCRIMINATORS, GAN_LOSSES, GENERATORS, LOSSES, MAP_LOSSES, METHODS
from nucleizoo.ops.nn.half_detached import half_detached

from .cyclegan import DOMAINS, MADE, REAL, CycleGAN, Trip, other


@dataclass(frozen=True)
class SegmentedTrip(Trip):
    """The pictures of one step, and what is seen in them; no gradient of maps reaches a translation."""

    seen: dict[str, Tensor]  # logits of the maps of real pictures, by the domain of the picture
    seen_again: dict[str, Tensor]  # the same of their translations, by the domain of the real picture
    truth: Tensor  # maps of the real source pictures


@METHODS.register("cysgan")
class CySGAN(CycleGAN):
    """CycleGAN whose translators also predict maps: of what they are given, in the same pass.

    The labelled source teaches both networks to segment, the real source and its translation alike.
    Images have no labels: a critic of maps asks for the shapes of real nuclei, and the image and its
    translation must be seen alike.

    Args:
        generator: either network; its last channels are the maps.
        discriminator: critics of pictures.
        map_discriminator: critic of maps.
        cycle: of clean pictures (paper: weight 1).
        segmentation: of the labelled source and of its translation.
        map_gan: adversarial loss of the maps of images; weight 0 with `consistency` 0 is the paper's
            ablation without semi-supervised losses.
        consistency: between the maps of an image and of its translation (paper: L1, weight 1).
        pool: earlier translations, and earlier maps, kept for each critic (code: 20 times the batch, 40).
        legacy_critic: True gives the published training, in which the map critic's update was handed the
            image critic's optimiser and schedule: the map critic stayed as it was born, and the image
            critic's schedule ran twice as fast. Under PyTorch 1, whose gradients are reset to 0 and not to
            nothing, its optimiser also stepped once more, by its moments alone; so it does here.
        settings: of CycleGAN.

    Differs: every critic is trained with its own optimiser; see `legacy_critic`.
    """

    needs = frozenset({"image", "image_clean", "source", "source_clean", "maps"})

    def __init__(
        self,
        task: Task,
        *,
        generator: Recipe = GENERATORS.recipe("unet"),
        discriminator: Recipe = DISCRIMINATORS.recipe("strided"),
        map_discriminator: Recipe = DISCRIMINATORS.recipe("strided"),
        cycle: Recipe = LOSSES.recipe("l1", weight=1.0),
        segmentation: Recipe = MAP_LOSSES.recipe("by_channel"),
        map_gan: Recipe = GAN_LOSSES.recipe("lsgan", weight=1.0),
        consistency: Recipe = LOSSES.recipe("l1", weight=1.0),
        pool: int = 40,
        legacy_critic: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(
            task, generator=generator, discriminator=discriminator, cycle=cycle, pool=pool, **settings
        )
        self.map_critic = map_discriminator(len(task.target.channels), task.dims)
        self.map_pool = self.make_pool(pool, len(DOMAINS))
        self.segmentation, self.map_gan, self.consistency = segmentation(), map_gan(), consistency()
        self.legacy_critic = legacy_critic

    def make_translators(self, generator: Recipe) -> nn.ModuleDict:
        """Translators by the domain that they translate to; they are born equal [2]."""
        maps, dims = len(self.task.target.channels), self.task.dims
        made = {d: generator(self.channels[other(d)], self.channels[d] + maps, dims) for d in DOMAINS}
        if self.channels["image"] == self.channels["source"]:
            made["source"] = copy.deepcopy(made["image"])
        return nn.ModuleDict(made)

    @property
    def segments(self) -> bool:
        """Always: its networks predict maps."""
        return True

    def groups(self) -> dict[str, Group]:
        """Both networks; the critic of each domain; the critic of maps."""
        return {
            "generator": Group(tuple(self.translators.parameters())),
            "image_critic": Group(
                tuple(self.critics["image"].parameters()), pace=2.0 if self.legacy_critic else 1.0
            ),
            "source_critic": Group(tuple(self.critics["source"].parameters())),
            "map_critic": Group(tuple(self.map_critic.parameters())),
        }

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """Both networks, then every critic."""
        trip = self.travel(batch)
        yield Update("generator", self.generator_losses(trip, clock))
        for d in reversed(DOMAINS):
            critic = {f"critic_{d}": self.judge(d, trip.real[d], trip.fake[d], clock)}
            yield Update(f"{d}_critic", critic)
        if self.legacy_critic:
            flat = sum(p.sum() for p in self.critics["image"].parameters()) * 0.0
            yield Update("image_critic", {"critic_maps": self.map_critic_loss(trip).detach() + flat})
        else:
            yield Update("map_critic", {"critic_maps": self.map_critic_loss(trip)})

    def see(self, picture: Tensor, to: str) -> tuple[Tensor, Tensor]:
        """Picture of the other domain (B, C, *S) -> picture that looks like `to`, logits of its maps."""
        sizes = [self.channels[to], len(self.task.target.channels)]
        made, logits = torch.split(self.translators[to](picture), sizes, dim=1)
        return self.drawn(made, picture), logits

    def translate(self, picture: Tensor, to: str) -> Tensor:
        """The picture alone."""
        return self.see(picture, to)[0]

    def travel(self, batch: dict[str, Tensor]) -> SegmentedTrip:
        """There and back from both sides; critics and cycles are held against clean pictures."""
        fake, back, seen, seen_again = ({} for _ in range(4))
        for d in DOMAINS:
            fake[other(d)], seen[d] = self.see(batch[d], to=other(d))
            # detached: maps shall be right for the translation, not the translation easy for the maps
            back[d], seen_again[d] = half_detached(
                partial(self.see, to=d), fake[other(d)], self.translators[d].parameters()
            )
        real = {d: batch[f"{d}_clean"] for d in DOMAINS}
        return SegmentedTrip(real, fake, back, seen, seen_again, batch["maps"])

    def generator_losses(self, trip: Trip, clock: Clock) -> dict[str, Tensor]:
        """Equation 6."""
        assert isinstance(trip, SegmentedTrip)
        target = self.task.target
        image, again = target.activate(trip.seen["image"]), target.activate(trip.seen_again["image"])
        return super().generator_losses(trip, clock) | {
            "segmentation": self.segmentation(trip.seen["source"], trip.truth, target),
            "segmentation_made": self.segmentation(trip.seen_again["source"], trip.truth, target),
            "map_adversarial": self.map_gan(self.map_critic(image), REAL)
            + self.map_gan(self.map_critic(again), REAL),
            "consistency": self.consistency(image, again),
        }

    def map_critic_loss(self, trip: SegmentedTrip) -> Tensor:
        """Maps of labels are real; those of images, or by the toss of a coin of their translations, made."""
        logits = trip.seen["image"] if torch.rand(()) < 0.5 else trip.seen_again["image"]
        made = self.map_pool(self.task.target.activate(logits))
        of_real, of_made = self.map_critic(torch.cat([trip.truth, made])).chunk(2)
        # the weight of map_gan is that of the networks' side alone
        penalty = self.map_gan.penalty(self.map_critic, trip.truth, made)
        loss: Tensor = self.map_gan.forward(of_real, REAL) + self.map_gan.forward(of_made, MADE) + penalty
        return loss

    def forward(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) in [-1, 1] -> maps (B, C, *S) in the target's ranges."""
        return self.task.target.activate(self.see(image, to="source")[1])

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Both translations, both cycles, and the maps seen."""
        target = self.task.target
        maps = {
            f"maps of {d}": target.as_image(target.activate(self.see(batch[d], to=other(d))[1]))
            for d in DOMAINS
        }
        return super().snapshot(batch) | maps
