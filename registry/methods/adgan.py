"""AD-GAN: one encoder and one decoder for images and masks, trained to align their content [1, 2].

[1] Yao et al., AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
    training, 2021, section 3, algorithm 1, equations 1 to 6.
[2] Kaiseem/AD-GAN at d692d16 (MIT), read for what the paper leaves out: roles of the discriminator,
    weights, pools, order of the passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from nucleizoo.contracts import Clock, Group, Method, Task, Update
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DISCRIMINATORS, GAN_LOSSES, GENERATORS, LOSSES, METHODS
from nucleizoo.ops.nn.image_pool import ImagePool
from nucleizoo.ops.nn.joint_backward import gather_gradients
from nucleizoo.ops.nn.layout import channels_last

REAL, MADE = True, False  # the desired verdict on reconstructions and on translations


@dataclass(frozen=True)
class Translations:
    """All passes of one step; the first half of every batch is images, the second half masks."""

    pictures: Tensor  # (2B, C, *S) the inputs
    own: Tensor  # (2B, 2) one-hot, the domain of each
    other: Tensor  # (2B, 2) the domain each is translated to
    content: Tensor  # (2B, K, *S/4)
    same: Tensor  # decoded to the own domain
    crossed: Tensor  # decoded to the other domain
    content_again: Tensor  # of the crossed pictures
    back: Tensor  # crossed and decoded to the own domain


@METHODS.register("adgan")
class ADGAN(Method):
    """Unsupervised segmentation by disentangling content from domain, with aligned training.

    It is AD-GAN with the target 'mask', AD-GAN-INS with 'ternary', in 2D and in 3D.

    Args:
        generator: encoder and decoder.
        discriminator: the critic, one head per domain.
        gan: adversarial loss of generator and critic.
        reconstruction: loss of pictures decoded to their own domain (paper: weight 20; 0 is "no rec").
        cycle: loss of pictures translated there and back (paper: weight 20; 0 is "no cyc").
        content: loss of content before and after translation (paper: weight 1; 0 is "no ctr").
        aligned: let the decoder learn from reconstruction alone (paper: True; False is "no ADT").
        pool: earlier translations kept for the critic, per domain (code: 50).

    Differs: the paper writes the adversarial loss with logarithms, the code uses least squares, as here.
    Like the other losses it is summed over both domains here; in the code it alone is one mean over both,
    which is half of it: `METHOD.GAN.WEIGHT 0.5`.
    The critic tells reconstructions (real) from translations (made); it never sees data, and the generator
    is trained for the opposite of both verdicts.
    """

    needs = frozenset({"image", "source"})
    roles = {"generator": "domain coder", "discriminator": "domain critic"}
    divisor = 4

    def __init__(
        self,
        task: Task,
        *,
        generator: Recipe = GENERATORS.recipe("adain"),
        discriminator: Recipe = DISCRIMINATORS.recipe("domain"),
        gan: Recipe = GAN_LOSSES.recipe("lsgan"),
        reconstruction: Recipe = LOSSES.recipe("l1", weight=20.0),
        cycle: Recipe = LOSSES.recipe("l1", weight=20.0),
        content: Recipe = LOSSES.recipe("l1", weight=1.0),
        aligned: bool = True,
        pool: int = 50,
    ) -> None:
        super().__init__(task)
        if task.source_pictures:
            raise ValueError(
                "it translates images to masks; use a DATASET.SOURCE of labels alone, such as 'synthetic'"
            )
        if task.channels != task.source_channels:
            raise ValueError(
                f"AD-GAN has one encoder for images and masks: both need the same number of channels, "
                f"got {task.channels} and {task.source_channels}; set DATASET.CHANNELS to "
                f"{task.source_channels}, or use a target of {task.channels} channel(s)"
            )
        self.generator = generator(task.channels, task.channels, task.dims)
        self.critic = discriminator(task.channels, task.dims)
        self.gan, self.reconstruction, self.cycle, self.content = gan(), reconstruction(), cycle(), content()
        self.aligned = aligned
        seed = torch.initial_seed()
        self.pools = torch.nn.ModuleList(ImagePool(pool, seed=(seed + i) % 2**63) for i in range(2))

    def groups(self) -> dict[str, Group]:
        """Encoder and decoder share an optimiser, the critic has its own."""
        return {
            "generator": Group(tuple(self.generator.parameters())),
            "discriminator": Group(tuple(self.critic.parameters())),
        }

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """Reconstruction, then alignment, then the critic."""
        t = self.translate(batch["image"], batch["source"])
        if self.aligned:
            # the decoder learns from reconstruction alone; other gradients pass through it to the encoder
            yield Update("generator", self.reconstruction_losses(t), keep_graph=True, step=False)
            yield Update("generator", self.alignment_losses(t), only=self.generator.encoder.parameters())
        else:
            yield Update("generator", self.reconstruction_losses(t) | self.alignment_losses(t))
        yield Update("discriminator", self.discriminator_losses(t))

    def translate(self, image: Tensor, source: Tensor) -> Translations:
        """All passes of the paper's figure 2, with both domains in each."""
        pictures = torch.cat([image, source]).contiguous(memory_format=channels_last(self.task.dims))
        own = self.domains(len(image), len(source), like=pictures)
        other = own.flip(1)
        content = self.generator.encode(pictures, own)
        # both updates of the generator end in this content: their sum goes through the encoder once
        meeting = gather_gradients(content, passes=2 if self.aligned else 1)
        crossed = self.generator.decode(meeting, other)
        content_again = self.generator.encode(crossed, other)
        return Translations(
            pictures=pictures,
            own=own,
            other=other,
            content=meeting,
            same=self.generator.decode(meeting, own),
            crossed=crossed,
            content_again=content_again,
            back=self.generator.decode(content_again, own),
        )

    def reconstruction_losses(self, t: Translations) -> dict[str, Tensor]:
        """Equation 1."""
        return {"reconstruction": self.by_domain(self.reconstruction, t.same, t.pictures)}

    def alignment_losses(self, t: Translations) -> dict[str, Tensor]:
        """Equations 2 to 4, the generator's side."""
        return {
            "cycle": self.by_domain(self.cycle, t.back, t.pictures),
            "content": self.by_domain(self.content, t.content_again, t.content),
            "adversarial": self.verdict(self.critic(t.same, t.own), MADE)
            + self.verdict(self.critic(t.crossed, t.other), REAL),
        }

    def discriminator_losses(self, t: Translations) -> dict[str, Tensor]:
        """Equation 2, the critic's side; detached, because this update must not reach the generator."""
        images, masks = t.crossed.detach().chunk(2)
        # images translated to masks, and masks to images: each has its own pool
        crossed = torch.cat([self.pools[0](images), self.pools[1](masks)])
        real = t.same.detach()
        same, made = self.critic(torch.cat([real, crossed]), torch.cat([t.own, t.other])).chunk(2)
        # a penalty compares reconstructions and translations of one domain: the halves are swapped
        penalty = self.gan.penalty(
            partial(self.critic, domain=t.own), real, torch.cat(crossed.chunk(2)[::-1])
        )
        return {"same": self.verdict(same, REAL), "crossed": self.verdict(made, MADE) + penalty}

    def forward(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) in [-1, 1] -> maps (B, C, *S) of the target."""
        return self.task.target.from_image(self.to_source(image))

    def to_source(self, image: Tensor) -> Tensor:
        """Images -> pictures of masks."""
        return self.between(image, 1.0)

    def to_image(self, source: Tensor) -> Tensor:
        """Pictures of masks -> images that look real."""
        content = self.encode(source, "source")
        return self.generator.decode(content, self.label(0.0, like=content))  # type: ignore[no-any-return]

    def encode(self, picture: Tensor, domain: str) -> Tensor:
        """Pictures (B, C, *S) of the domain 'image' or 'source' -> content (B, K, *S/4)."""
        label = self.label(float(domain == "source"), like=picture)
        return self.generator.encode(picture, label)  # type: ignore[no-any-return]

    def between(self, image: Tensor, share: float) -> Tensor:
        """The content of images (B, C, *S), decoded with `share` of masks in the domain label."""
        content = self.encode(image, "image")
        return self.generator.decode(content, self.label(share, like=content))  # type: ignore[no-any-return]

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Both translations and both cycles."""
        t = self.translate(batch["image"], batch["source"])
        (image, source), (crossed, made), (back, again) = (
            x.chunk(2) for x in (t.pictures, t.crossed, t.back)
        )
        return {
            "image": image, "segmented": crossed, "image back": back,
            "mask": source, "made image": made, "mask back": again,
        }  # fmt: skip

    @staticmethod
    def domains(images: int, masks: int, *, like: Tensor) -> Tensor:
        """One-hot (images + masks, 2): column 0 is the image domain, column 1 the mask domain."""
        index = torch.tensor([0] * images + [1] * masks, device=like.device)
        return torch.nn.functional.one_hot(index, 2).to(like.dtype)

    @staticmethod
    def label(share: float, *, like: Tensor) -> Tensor:
        """One domain label per picture, (B, 2): 1 - `share` of images, `share` of masks."""
        return like.new_tensor([1 - share, share]).expand(len(like), 2)

    def verdict(self, scores: Tensor, real: bool) -> Tensor:
        """The adversarial loss of images plus that of masks; see `Differs`."""
        images, masks = scores.chunk(2)
        total: Tensor = self.gan(images, real) + self.gan(masks, real)
        return total

    @staticmethod
    def by_domain(loss: torch.nn.Module, a: Tensor, b: Tensor) -> Tensor:
        """The loss of images plus that of masks."""
        (image_a, mask_a), (image_b, mask_b) = a.chunk(2), b.chunk(2)
        total: Tensor = loss(image_a, image_b) + loss(mask_a, mask_b)
        return total
