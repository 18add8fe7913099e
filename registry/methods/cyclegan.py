"""CycleGAN: two translators that invert each other, and a critic per domain [1, 2].

[1] Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks, 2017,
    section 3, equations 1 to 3.
[2] junyanz/pytorch-CycleGAN-and-pix2pix (BSD), read for factors, pools and the order of updates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from nucleizoo.contracts import Clock, Group, Method, Task, Update
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DISCRIMINATORS, GAN_LOSSES, GENERATORS, LOSSES, METHODS
from nucleizoo.ops.nn.image_pool import ImagePool

DOMAINS = ("image", "source")
REAL, MADE = True, False

STEEP = 0.9
"""Intensities are clipped to this before the inverse tanh, which is infinite at 1."""


@dataclass(frozen=True)
class Trip:
    """All pictures of one step, by the domain that they look like."""

    real: dict[str, Tensor]  # the inputs
    fake: dict[str, Tensor]  # translated from the real pictures of the other domain
    back: dict[str, Tensor]  # the real pictures, translated there and back


@METHODS.register("cyclegan")
class CycleGAN(Method):
    """Translates between images and the source domain without pairs, in 2D and in 3D.

    With a dataset of labels alone (synthetic masks), the source domain is the target as a picture, and
    translating an image segments it. With a labelled source of pictures it only translates: train a
    segmenter on its translations (dataset 'translated'), or segment the output of `predict --to source`.

    Args:
        generator: each translator.
        discriminator: each critic.
        gan: adversarial loss of translators and critics.
        cycle: loss of pictures translated there and back (paper: weight 10).
        identity: loss of the change when a translator gets a picture of the domain that it translates to
            (paper: weight 5 for photographs; 0, as here, for images and masks, which share no intensities).
        residual: True makes translators predict the difference to their input. They then start near the
            identity and do not swap bright and dark, which neither cycles nor critics notice. For domains
            in which nuclei are bright in both, or dark in both (paper: False).
        pool: earlier translations kept for each critic (paper: 50).

    Raises:
        ValueError: for a setting outside its range.
    """

    offset_advice = "set METHOD.IDENTITY.WEIGHT 5, or use a method that aligns the content of both domains"
    needs = frozenset({"image", "source"})

    def __init__(
        self,
        task: Task,
        *,
        generator: Recipe = GENERATORS.recipe("resnet"),
        discriminator: Recipe = DISCRIMINATORS.recipe("patchgan"),
        gan: Recipe = GAN_LOSSES.recipe("lsgan"),
        cycle: Recipe = LOSSES.recipe("l1", weight=10.0),
        identity: Recipe = LOSSES.recipe("l1", weight=0.0),
        residual: bool = False,
        pool: int = 50,
    ) -> None:
        super().__init__(task)
        self.channels = {"image": task.channels, "source": task.source_channels}
        self.translators = self.make_translators(generator)
        self.critics = nn.ModuleDict({d: discriminator(self.channels[d], task.dims) for d in DOMAINS})
        self.gan, self.cycle, self.identity = gan(), cycle(), identity()
        self.residual = residual
        if (self.identity.weight or residual) and task.channels != task.source_channels:
            raise ValueError(
                "IDENTITY and RESIDUAL need the same number of channels in the image and the source domain, "
                f"got {task.channels} and {task.source_channels}; leave them off, or use another TARGET"
            )
        self.pools = nn.ModuleDict({d: self.make_pool(pool, i) for i, d in enumerate(DOMAINS)})

    def make_translators(self, generator: Recipe) -> nn.ModuleDict:
        """Translators by the domain that they translate to."""
        return nn.ModuleDict(
            {d: generator(self.channels[other(d)], self.channels[d], self.task.dims) for d in DOMAINS}
        )

    @staticmethod
    def make_pool(size: int, number: int) -> ImagePool:
        """A pool with its own random numbers."""
        return ImagePool(size, seed=(torch.initial_seed() + number) % 2**63)

    @property
    def segments(self) -> bool:
        """Only if the source domain is maps as pictures."""
        return not self.task.source_pictures

    def groups(self) -> dict[str, Group]:
        """Both translators share an optimiser, and so do both critics."""
        return {
            "generator": Group(tuple(self.translators.parameters())),
            "discriminator": Group(tuple(self.critics.parameters())),
        }

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """Translators, then critics."""
        trip = self.travel(batch)
        yield Update("generator", self.generator_losses(trip, clock))
        yield Update("discriminator", self.discriminator_losses(trip, clock))

    def translate(self, picture: Tensor, to: str) -> Tensor:
        """Picture of the other domain (B, C, *S) -> picture that looks like `to`, both in [-1, 1]."""
        return self.drawn(self.translators[to](picture), picture)

    def drawn(self, made: Tensor, picture: Tensor) -> Tensor:
        """Output of a translator for a picture (B, C, *S), any range -> the translation in [-1, 1]."""
        return (made + picture.clamp(-STEEP, STEEP).atanh() if self.residual else made).tanh()

    def travel(self, batch: dict[str, Tensor]) -> Trip:
        """Translate both domains there and back."""
        real = {d: batch[d] for d in DOMAINS}
        fake = {d: self.translate(real[other(d)], to=d) for d in DOMAINS}
        return Trip(real, fake, {d: self.translate(fake[other(d)], to=d) for d in DOMAINS})

    def generator_losses(self, trip: Trip, clock: Clock) -> dict[str, Tensor]:
        """Equation 3, the translators' side."""
        losses = {}
        for d in DOMAINS:
            losses[f"adversarial_{d}"] = self.gan(self.score(d, trip.fake[d], clock), REAL)
            losses[f"cycle_{d}"] = self.cycle(trip.back[d], trip.real[d])
            if self.identity.weight:
                losses[f"identity_{d}"] = self.identity(self.translate(trip.real[d], to=d), trip.real[d])
        return losses

    def discriminator_losses(self, trip: Trip, clock: Clock) -> dict[str, Tensor]:
        """Equation 1 for both critics; halved, which slows them against the translators [2]."""
        return {f"critic_{d}": self.judge(d, trip.real[d], trip.fake[d], clock) / 2 for d in DOMAINS}

    def judge(self, domain: str, real: Tensor, fake: Tensor, clock: Clock) -> Tensor:
        """A critic's loss; fakes come from the pool, which also detaches them from the translator's graph."""
        made = self.pools[domain](fake)
        scores = self.score(domain, torch.cat([real, made]), clock)
        of_real, of_made = torch.split(scores, [len(real), len(made)])
        penalty = self.gan.penalty(partial(self.score, domain, clock=clock), real, made)
        loss: Tensor = self.gan(of_real, REAL) + self.gan(of_made, MADE) + penalty
        return loss

    def score(self, domain: str, picture: Tensor, clock: Clock) -> Tensor:
        """The scores of a critic for pictures."""
        scores: Tensor = self.critics[domain](picture)
        return scores

    def forward(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) in [-1, 1] -> maps (B, C, *S) of the target.

        Raises:
            ConfigError: when the source domain is pictures, so that a translation is not a segmentation.
        """
        if not self.segments:
            raise ConfigError(
                "this run only translates and cannot segment: predict with '--to source', or train a "
                "segmenter on translated pictures (DATASET.SOURCE.NAME translated)"
            )
        return self.task.target.from_image(self.to_source(image))

    def to_source(self, image: Tensor) -> Tensor:
        """Images -> pictures of the source domain."""
        return self.translate(image, to="source")

    def to_image(self, source: Tensor) -> Tensor:
        """Pictures of the source domain -> images that look real."""
        return self.translate(source, to="image")

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Both translations and both cycles."""
        trip = self.travel(batch)
        return {
            "image": trip.real["image"],
            "made source": trip.fake["source"],
            "image back": trip.back["image"],
            "source": trip.real["source"],
            "made image": trip.fake["image"],
            "source back": trip.back["source"],
        }


def other(domain: str) -> str:
    """The domain that pictures of a domain are translated to."""
    return DOMAINS[1 - DOMAINS.index(domain)]
