"""What a method is: networks, and one training step told as a sequence of updates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from nucleizoo.contracts.target import Target
from nucleizoo.core.errors import UserError


@dataclass(frozen=True)
class Task:
    """What one experiment fixes for every method.

    Attributes:
        channels: channels of `image`, the pictures to be segmented.
        source_channels: channels of `source`, the pictures of the labelled domain.
        dims: 2 for images, 3 for volumes.
        target: the representation of nuclei that the method predicts.
        source_pictures: whether the source domain has pictures of its own; otherwise a source picture
            is the target's maps seen as one.
    """

    channels: int
    source_channels: int
    dims: int
    target: Target
    source_pictures: bool = False


@dataclass(frozen=True)
class Clock:
    """Where training stands: for noise that decays and losses that ramp up."""

    iteration: int
    total: int

    @property
    def progress(self) -> float:
        """Share of the training that lies behind, in [0, 1]."""
        return self.iteration / max(self.total, 1)


@dataclass(frozen=True)
class Group:
    """Parameters that one optimiser owns.

    Attributes:
        parameters: no other group holds them.
        lr_scale: multiplies `SOLVER.LR`.
        pace: how many times as fast the learning rate runs through its schedule.
    """

    parameters: tuple[Parameter, ...]
    lr_scale: float = 1.0
    pace: float = 1.0


@dataclass(frozen=True)
class Update:
    """One thing to minimise: which losses, over which parameters.

    Attributes:
        group: key of `Method.groups()`.
        losses: name -> weighted scalar; their sum is minimised, each is logged.
        only: the parameters that receive gradient, when fewer than the group's.
        keep_graph: a later update of the same step goes back through the same graph.
        step: False gathers gradient for the group's next update instead of moving the weights.
    """

    group: str
    losses: dict[str, Tensor]
    only: Iterable[Parameter] | None = None
    keep_graph: bool = False
    step: bool = True


class Method(nn.Module):
    """A way to learn the segmentation: built as `Entry(task, **settings)`.

    Subclasses write `groups`, `train_step` and `forward`; nothing in a method touches
    optimisers, devices, autocast, `requires_grad` or the log.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    """Batch keys that `train_step` reads: image, image_clean, source, source_clean, maps."""

    divisor: ClassVar[int] = 1
    """Stride of the coarsest features: crops are multiples of it, and inference pads to one."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    @property
    def segments(self) -> bool:
        """Whether `forward` gives maps; a method that only translates here says False."""
        return True

    @property
    def translates(self) -> bool:
        """Whether `to_source` and `to_image` do anything."""
        return type(self).to_source is not Method.to_source

    def groups(self) -> dict[str, Group]:
        """Optimisers by name; together they hold every parameter exactly once."""
        raise NotImplementedError

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """Yield the updates of one iteration, in the paper's order.

        The code between two yields runs after the earlier update was applied.
        Never yield inside a `with`.
        """
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        """Segment: image (B, channels, *S) in [-1, 1] -> maps (B, C, *S) in the target's own ranges."""
        raise NotImplementedError

    def to_image(self, source: Tensor) -> Tensor:
        """Translate: source (B, source_channels, *S) -> picture of the image domain, both in [-1, 1]."""
        raise UserError(
            f"{type(self).__name__} does not translate source pictures to images; predict its labels"
        )

    def to_source(self, image: Tensor) -> Tensor:
        """Translate: image (B, channels, *S) -> picture of the source domain, both in [-1, 1]."""
        raise UserError(
            f"{type(self).__name__} does not translate images to source pictures; predict its labels"
        )

    def encode(self, picture: Tensor, share: float) -> Tensor:
        """The content of pictures, apart from the domain they are of.

        Methods that tell the domain by a label write this and `decode`; a picture of either domain
        has as many channels then.

        Args:
            picture: (B, C, *S) in [-1, 1], *S multiples of `divisor`.
            share: of the source domain in the label: 0 for images, 1 for source pictures.

        Returns:
            (B, K, ...), K channels of any shape that the method likes.
        """
        raise UserError(
            f"{type(self).__name__} knows no content apart from the domain of a picture; take a run of a "
            "method that encodes and decodes by a domain label"
        )

    def decode(self, content: Tensor, share: float) -> Tensor:
        """Content of `encode` -> picture (B, C, *S) in [-1, 1] of the domain or mixture `share`."""
        raise UserError(
            f"{type(self).__name__} decodes no content; take a run of a method that encodes and decodes by a "
            "domain label"
        )

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Pictures for the log by name, each (B, C, *S) in [-1, 1], rows of one panel."""
        maps = self(batch["image"])
        return {"image": batch["image"], "prediction": self.task.target.as_image(maps)}
