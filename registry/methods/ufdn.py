"""UFDN: an autoencoder whose content is cleared of its domain, and is decoded to a given one [1, 2].

[1] Liu et al., A unified feature disentangler for multi-domain image translation and manipulation, 2018.
[2] Alexander-H-Liu/UFDN at cd005db (MIT), read for facts: networks, weights, ramps, order of updates. With
    equal weights, contents and 6 blocks, the eight losses of a step are equal in float64.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from nucleizoo.contracts import Clock, Group, Method, Task, Update
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DISCRIMINATORS, GAN_LOSSES, GENERATORS, LOSSES, METHODS

REAL, MADE = True, False


@METHODS.register("ufdn")
class UFDN(Method):
    """Unsupervised segmentation by a variational autoencoder with a domain code, in 2D and in 3D.

    A critic of features says which domain a content is from, and the encoder learns to mislead it; a critic
    of pixels tells translations from pictures and names their domain. Prediction decodes the mean of the
    content, so that an image has one segmentation.

    Args:
        generator: the autoencoder.
        discriminator: the critic of pixels; its first score is the verdict, the others are the domain code.
        feature_discriminator: the critic of features, a domain code.
        gan: adversarial loss of translations and the critic of pixels (code: gradient penalty of weight 100).
        reconstruction: loss of pictures decoded to their own domain (code: weight 1).
        early: how many times as much the reconstruction weighs at first (code: 100).
        settle: share of the training in which that falls to once (code: 0.004, 1,000 of 250,000 steps).
        kl: weight of the divergence from the normal distribution, a mean over the numbers of all contents
            (code: 1e-6 of the sum over 96 contents of 1,024 numbers, which is 0.1 of their mean).
        feature: weight of the encoder's loss by the critic of features (code: 1).
        pixel: weight of the decoder's losses by the critic of pixels (code: 1e-6).
        ramp: share of the training in which both grow from 0 (code: 0.04, 10,000 of 250,000 steps).

    Raises:
        ValueError: for a setting outside its range, or where images and masks differ in channels.

    Differs: content is a map, not a vector (see the generator `vae`), and so are the verdicts of the critics.
    A step draws one content per picture, [2] a new one for every loss. Both critics share an optimiser, which
    keeps to each what is its own. AD-GAN's authors, who compare with UFDN, do not say how they adapted it.
    """

    offset_advice = "use a method that aligns the content of both domains"
    needs = frozenset({"image", "source"})
    roles = {
        "generator": "variational coder",
        "discriminator": "multi-head critic",
        "feature_discriminator": "multi-head critic",
    }

    def __init__(
        self,
        task: Task,
        *,
        generator: Recipe = GENERATORS.recipe("vae"),
        discriminator: Recipe = DISCRIMINATORS.recipe(
            "normless", width=16, blocks=5, hidden=512, padding="zeros"
        ),
        feature_discriminator: Recipe = DISCRIMINATORS.recipe("pointwise"),
        gan: Recipe = GAN_LOSSES.recipe("wgan_gp", gradient=100.0, per_voxel=True),
        reconstruction: Recipe = LOSSES.recipe("mse", weight=1.0),
        early: float = 100.0,
        settle: float = 0.004,
        kl: float = 0.1,
        feature: float = 1.0,
        pixel: float = 1e-6,
        ramp: float = 0.04,
    ) -> None:
        super().__init__(task)
        if task.source_pictures or task.channels != task.source_channels:
            raise ValueError(
                "it translates images to masks by one autoencoder: use a DATASET.SOURCE of labels alone, "
                f"such as 'synthetic', and as many DATASET.CHANNELS ({task.channels}) as the target has "
                f"({task.source_channels})"
            )
        if min(early, settle, kl, feature, pixel, ramp) < 0:
            raise ValueError("EARLY, SETTLE, KL, FEATURE, PIXEL and RAMP must not be negative")
        self.generator = generator(task.channels, task.channels, task.dims)
        self.divisor = self.generator.stride
        self.critic = discriminator(task.channels, task.dims, 1 + 2)
        self.feature_critic = feature_discriminator(self.generator.content_channels, task.dims, 2)
        self.gan, self.reconstruction = gan(), reconstruction()
        self.early, self.settle, self.kl = early, settle, kl
        self.feature, self.pixel, self.ramp = feature, pixel, ramp

    def groups(self) -> dict[str, Group]:
        """The autoencoder has an optimiser, and both critics another."""
        critics = (*self.critic.parameters(), *self.feature_critic.parameters())
        return {
            "generator": Group(tuple(self.generator.parameters())),
            "discriminator": Group(critics),
        }

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """Critics, then the autoencoder, with the contents that the critics saw."""
        pictures = torch.cat([batch["image"], batch["source"]])
        own = torch.cat([domain(0.0, like=batch["image"]), domain(1.0, like=batch["source"])])
        other = own.flip(1)
        mean, log_variance = self.generator.encode(pictures)
        content = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        # the critic of pixels teaches the decoder alone
        crossed = self.generator.decode(content.detach(), other)
        yield Update("discriminator", self.critic_losses(pictures, crossed.detach(), content.detach(), own))

        verdict, named = self.verdict(crossed)
        grown = ramped(clock, self.ramp)
        weight = self.early + (1 - self.early) * ramped(clock, self.settle)
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).mean()
        back = self.generator.decode(content, own)
        yield Update("generator", {
            "reconstruction": weight * self.reconstruction(back, pictures),
            "divergence": self.kl * divergence,
            "feature": grown * self.feature * code_loss(self.feature_critic(content), 1 - own),
            "adversarial": grown * self.pixel * self.gan(verdict, REAL),
            "named": grown * self.pixel * code_loss(named, other),
        })  # fmt: skip

    def critic_losses(
        self, pictures: Tensor, crossed: Tensor, content: Tensor, own: Tensor
    ) -> dict[str, Tensor]:
        """The losses of both critics, none of which reaches the autoencoder."""
        real, named = self.verdict(pictures)
        made, _ = self.verdict(crossed)
        penalty = self.gan.penalty(lambda x: self.verdict(x)[0], pictures, crossed)
        return {
            "feature_critic": code_loss(self.feature_critic(content), own),
            "pixel_critic": self.gan(real, REAL) + self.gan(made, MADE) + penalty,
            "pixel_named": code_loss(named, own),
        }

    def verdict(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What the critic of pixels says of pictures: scores (B, 1, *S') and domain codes (B, 2, *S')."""
        score, named = self.critic(pictures).split([1, 2], dim=1)
        return score, named

    def forward(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) in [-1, 1] -> maps (B, C, *S) of the target."""
        return self.task.target.from_image(self.to_source(image))

    def to_source(self, image: Tensor) -> Tensor:
        """Images -> pictures of masks."""
        return self.between(image, 1.0)

    def to_image(self, source: Tensor) -> Tensor:
        """Pictures of masks -> images that look real."""
        return self.between(source, 0.0)

    def encode(self, picture: Tensor, domain: str) -> Tensor:
        """Pictures (B, C, *S) of either domain -> the mean of their content (B, K, *S/divisor)."""
        content: Tensor = self.generator.encode(picture)[0]
        return content

    def between(self, image: Tensor, share: float) -> Tensor:
        """The content of pictures (B, C, *S), decoded with `share` of masks in the domain code."""
        made: Tensor = self.generator.decode(self.encode(image, "image"), domain(share, like=image))
        return made

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Both translations, and both domains decoded to themselves."""
        image, source = batch["image"], batch["source"]
        return {
            "image": image, "segmented": self.to_source(image), "image again": self.to_image(image),
            "mask": source, "made image": self.to_image(source), "mask again": self.to_source(source),
        }  # fmt: skip


def domain(share: float, *, like: Tensor) -> Tensor:
    """One domain code per picture, (B, 2): 1 - `share` of images, `share` of masks."""
    return like.new_tensor([1 - share, share]).expand(len(like), 2)


def code_loss(logits: Tensor, code: Tensor) -> Tensor:
    """Cross entropy of domain codes (B, 2, *S') with the code of the picture, (B, 2)."""
    wanted = code[(..., *(None,) * (logits.ndim - 2))].expand_as(logits)
    return F.binary_cross_entropy_with_logits(logits, wanted)


def ramped(clock: Clock, share: float) -> float:
    """From 0 to 1 in a share of the training, in a straight line."""
    return min(1.0, clock.progress / share) if share else 1.0
