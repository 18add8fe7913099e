"""UDCT: CycleGAN whose translations must also have the right distribution of intensities [1, 2].

[1] Haering et al., Generative adversarial networks for image-based segmentation by unsupervised
    translation (UDCT), 2018.
[2] UDCTGAN/UDCT at a2d80be (no licence), read for facts: networks, noise, weights, buffers, order.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nucleizoo.contracts import Clock, Group, Task
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DISCRIMINATORS, GAN_LOSSES, GENERATORS, METHODS

from .cyclegan import DOMAINS, MADE, REAL, CycleGAN, Trip

EPOCHS = 200  # of the published training, in which the noise decays
QUIET = 0.5  # share of the training after which there is no noise


@METHODS.register("udct")
class UDCT(CycleGAN):
    """CycleGAN with a second critic per domain that judges the distribution of intensities.

    Args:
        generator: each translator (paper: resnet of 6 or 9 blocks).
        discriminator: each critic of pictures.
        histogram: each critic of distributions.
        histogram_gan: adversarial loss of the critics of distributions (code: weight 1).
        noise: standard deviation of the noise that is added to the input of critics, in units of [-1, 1];
            it falls by a tenth every 200th of the training and is off in its second half (code: 0.2,
            there written as 0.1 of [0, 1]).
        pool: earlier translations, and earlier real pictures, kept for each critic (code: 50).
        settings: of CycleGAN.

    Raises:
        ValueError: for a setting outside its range.

    Differs: [2] trains critics towards 0 for real pictures and 1 for made ones; here it is the other way
    round, as in all methods, which is equivalent. In [2], both real and made pictures go through a pool, so
    that half of a critic's batch is older; here each picture is exchanged for an older one with probability
    0.5, and critics of distributions see only the present batch: with several processes, each its share.
    """

    roles = {"histogram": "distribution critic"}

    def __init__(
        self,
        task: Task,
        *,
        generator: Recipe = GENERATORS.recipe("resnet", blocks=6),
        discriminator: Recipe = DISCRIMINATORS.recipe("patchgan", padding="reflect"),
        histogram: Recipe = DISCRIMINATORS.recipe("histogram"),
        histogram_gan: Recipe = GAN_LOSSES.recipe("lsgan", weight=1.0),
        noise: float = 0.2,
        pool: int = 50,
        **settings: Any,
    ) -> None:
        if noise < 0:
            raise ValueError(f"NOISE must not be negative, got {noise}")
        super().__init__(task, generator=generator, discriminator=discriminator, pool=pool, **settings)
        self.histograms = nn.ModuleDict({d: histogram(self.channels[d], task.dims) for d in DOMAINS})
        self.histogram_gan, self.noise = histogram_gan(), noise
        self.real_pools = nn.ModuleDict({d: self.make_pool(pool, 2 + i) for i, d in enumerate(DOMAINS)})

    def groups(self) -> dict[str, Group]:
        """All critics share an optimiser."""
        critics = (*self.critics.parameters(), *self.histograms.parameters())
        return {**super().groups(), "discriminator": Group(critics)}

    def generator_losses(self, trip: Trip, clock: Clock) -> dict[str, Tensor]:
        """CycleGAN's losses, and those of the distributions."""
        losses = super().generator_losses(trip, clock)
        for d in DOMAINS:
            score = self.distribution_score(d, trip.fake[d], clock)
            losses[f"histogram_{d}"] = self.histogram_gan(score, REAL)
        return losses

    def discriminator_losses(self, trip: Trip, clock: Clock) -> dict[str, Tensor]:
        """CycleGAN's losses, and those of the distributions."""
        losses = super().discriminator_losses(trip, clock)
        for d in DOMAINS:
            real, fake = trip.real[d], trip.fake[d].detach()
            of_real, of_fake = (self.distribution_score(d, x, clock) for x in (real, fake))
            verdicts = self.histogram_gan(of_real, REAL) + self.histogram_gan(of_fake, MADE)
            critic = partial(self.distribution_score, d, clock=clock)
            penalty = self.histogram_gan.penalty(critic, real, fake)
            losses[f"histogram_critic_{d}"] = verdicts / 2 + penalty
        return losses

    def judge(self, domain: str, real: Tensor, fake: Tensor, clock: Clock) -> Tensor:
        """A critic's loss; real pictures come from a pool, too."""
        return super().judge(domain, self.real_pools[domain](real), fake, clock)

    def score(self, domain: str, picture: Tensor, clock: Clock) -> Tensor:
        """The scores of a critic for pictures with added noise."""
        return super().score(domain, self.through_noise(picture, clock), clock)

    def distribution_score(self, domain: str, pictures: Tensor, clock: Clock) -> Tensor:
        """One score for the intensities of all pictures together."""
        critic: Any = self.histograms[domain]
        score: Tensor = critic(self.through_noise(critic.profile(pictures), clock, span=1.0))
        return score

    def through_noise(self, x: Tensor, clock: Clock, span: float = 2.0) -> Tensor:
        """X with noise added at its present level; `span` is the width of the range of x."""
        if clock.progress >= QUIET or not self.noise:
            return x
        return x + torch.randn_like(x) * (self.noise * span / 2) * 0.9 ** int(EPOCHS * clock.progress)
