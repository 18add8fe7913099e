"""MUNIT: content that both domains share, and a style of its own for each [1, 2].

[1] Huang et al., Multimodal unsupervised image-to-image translation, 2018.
[2] NVlabs/MUNIT at a82e222 (CC BY-NC-SA 4.0), read for facts: networks, weights, scales, order of updates.
    With equal weights and styles, the ten losses of a step are equal to 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.contracts import Clock, Task, Update
from nucleizoo.contracts.networks import StyleCoder
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DISCRIMINATORS, GAN_LOSSES, GENERATORS, LOSSES, METHODS

from .cyclegan import DOMAINS, MADE, REAL, CycleGAN, other

_HALVE = {2: F.avg_pool2d, 3: F.avg_pool3d}


@METHODS.register("munit")
class MUNIT(CycleGAN):
    """Translates the content of a picture with a style of the other domain, in 2D and in 3D.

    In training, styles of translations are drawn from a normal distribution. An image needs one segmentation
    and not many, so in prediction the style is the mean of that distribution, zero.

    Args:
        generator: encoders and decoder of each domain.
        discriminator: each critic; a domain has one for every scale.
        scales: critics per domain; each sees pictures of half the size of the one before (paper: 3).
        gan: adversarial loss of translations and critics, summed over scales (paper: weight 1).
        reconstruction: loss of pictures decoded from their own content and style (paper: weight 10).
        content: loss of content before and after translation (paper: weight 1).
        style: loss of the style that was drawn and the one found in the translation (paper: weight 1).
        cycle: loss of pictures translated there and, with their own style, back (code: weight 0, and 10 where
            domains are far apart).

    Raises:
        ValueError: for a setting outside its range.

    Differs: the paper is for photographs, and so is its perceptual loss, which [2] leaves out by default
    and which is not here.
    """

    offset_advice = "set METHOD.CYCLE.WEIGHT 10, or use a method that aligns the content of both domains"
    roles = {"generator": "style coder"}
    divisor = 4

    def __init__(
        self,
        task: Task,
        *,
        generator: Recipe = GENERATORS.recipe("munit"),
        discriminator: Recipe = DISCRIMINATORS.recipe("normless"),
        scales: int = 3,
        gan: Recipe = GAN_LOSSES.recipe("lsgan", weight=1.0),
        reconstruction: Recipe = LOSSES.recipe("l1", weight=10.0),
        content: Recipe = LOSSES.recipe("l1", weight=1.0),
        style: Recipe = LOSSES.recipe("l1", weight=1.0),
        cycle: Recipe = LOSSES.recipe("l1", weight=0.0),
    ) -> None:
        if scales < 1:
            raise ValueError(f"SCALES must be 1 or more, got {scales}")
        super().__init__(task, generator=generator, discriminator=discriminator, gan=gan, cycle=cycle, pool=0)
        self.reconstruction, self.content, self.style = reconstruction(), content(), style()
        for d in DOMAINS:
            more = (discriminator(self.channels[d], task.dims) for _ in range(scales - 1))
            self.critics[d] = nn.ModuleList([self.critics[d], *more])
        # the coarsest critic needs the largest crop
        finest = self.scales_of("image")[0]
        self.smallest = getattr(finest, "smallest", 1) * 2 ** (scales - 1)
        self.smallest_advice = f"{getattr(finest, 'smallest_advice', 'another critic')}, or fewer SCALES"

    def make_translators(self, generator: Recipe) -> nn.ModuleDict:
        """Encoders and decoder of each domain."""
        return nn.ModuleDict(
            {d: generator(self.channels[d], self.channels[d], self.task.dims) for d in DOMAINS}
        )

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """Critics, then encoders and decoders, each with styles of their own."""
        with torch.no_grad():
            codes = {d: self.coder(d).encode(batch[d]) for d in DOMAINS}
            fake = {
                d: self.coder(d).decode(codes[other(d)][0], torch.randn_like(codes[d][1])) for d in DOMAINS
            }
        yield Update(
            "discriminator", {f"critic_{d}": self.judge(d, batch[d], fake[d], clock) for d in DOMAINS}
        )
        yield Update("generator", self.coder_losses(batch))

    def coder_losses(self, real: dict[str, Tensor]) -> dict[str, Tensor]:
        """Equations 1 to 4 of the paper, and its style-augmented cycle."""
        codes, losses = {d: self.coder(d).encode(real[d]) for d in DOMAINS}, {}
        for d in DOMAINS:  # the domain that a translation looks like; its content is of the other
            coder, o = self.coder(d), other(d)
            wanted = torch.randn_like(codes[d][1])
            fake = coder.decode(codes[o][0], wanted)
            content, style = coder.encode(fake)
            losses[f"reconstruction_{d}"] = self.reconstruction(coder.decode(*codes[d]), real[d])
            losses[f"content_{o}"] = self.content(content, codes[o][0])
            losses[f"style_{d}"] = self.style(style, wanted)
            losses[f"adversarial_{d}"] = self.verdict(d, fake)
            if self.cycle.weight:
                losses[f"cycle_{o}"] = self.cycle(self.coder(o).decode(content, codes[o][1]), real[o])
        return losses

    def verdict(self, domain: str, fake: Tensor) -> Tensor:
        """The translators' adversarial loss, summed over scales."""
        looks = zip(self.scales_of(domain), self.at_scales(domain, fake), strict=True)
        return torch.stack([self.gan(critic(picture), REAL) for critic, picture in looks]).sum()

    def judge(self, domain: str, real: Tensor, fake: Tensor, clock: Clock) -> Tensor:
        """The critics' loss, summed over scales."""
        total = real.new_zeros(())
        looks = (self.at_scales(domain, pictures) for pictures in (real, fake))
        for critic, true, made in zip(self.scales_of(domain), *looks, strict=True):
            total = total + self.gan(critic(true), REAL) + self.gan(critic(made), MADE)
            total = total + self.gan.penalty(critic, true, made)
        return total

    def at_scales(self, domain: str, picture: Tensor) -> list[Tensor]:
        """A picture as each critic of a domain sees it: whole, halved, halved again."""
        views = [picture]
        for _ in self.scales_of(domain)[1:]:
            views.append(_HALVE[self.task.dims](views[-1], 3, 2, padding=1, count_include_pad=False))
        return views

    def translate(self, picture: Tensor, to: str) -> Tensor:
        """Picture of the other domain (B, C, *S) -> picture that looks like `to`, in its mean style."""
        coder = self.coder(to)
        content = self.encode(picture, other(to))
        made: Tensor = coder.decode(content, content.new_zeros(len(content), coder.style_channels))
        return made

    def encode(self, picture: Tensor, domain: str) -> Tensor:
        """Pictures (B, C, *S) of the domain 'image' or 'source' -> content (B, K, *S/4)."""
        content: Tensor = self.coder(domain).encode(picture)[0]
        return content

    def scales_of(self, domain: str) -> nn.ModuleList:
        """The critics of a domain, that of whole pictures first."""
        critics: nn.ModuleList = self.critics[domain]  # type: ignore[assignment]
        return critics

    def coder(self, domain: str) -> StyleCoder:
        """Encoders and decoder of a domain."""
        coder: StyleCoder = self.translators[domain]  # type: ignore[assignment]
        return coder
