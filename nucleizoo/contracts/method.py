"""The interface of methods: networks, and a training step that yields updates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from nucleizoo.contracts.target import Target


@dataclass(frozen=True)
class Task:
    """What one experiment fixes for every method.

    Attributes:
        channels: channels of `image`, the pictures to be segmented.
        source_channels: channels of `source`, the pictures of the labelled domain.
        dims: 2 for images, 3 for volumes.
        target: the representation of nuclei that the method predicts.
        source_pictures: whether the source domain has pictures of its own; otherwise the target's
            maps serve as source pictures.
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
        """Share of the training that is done, in [0, 1]."""
        return self.iteration / max(self.total, 1)


@dataclass(frozen=True)
class Group:
    """Parameters that one optimiser owns.

    Attributes:
        parameters: no other group holds them; what `Module.parameters()` gives becomes a tuple.
        lr_scale: multiplies `SOLVER.LR`.
        pace: how many times as fast the learning rate runs through its schedule.
    """

    parameters: tuple[Parameter, ...]
    lr_scale: float = 1.0
    pace: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))


@dataclass(frozen=True)
class Update:
    """One thing to minimise: which losses, over which parameters.

    Attributes:
        group: key of `Method.groups()`.
        losses: name -> weighted scalar; their sum is minimised, each is logged.
        only: the parameters that receive gradient, when fewer than the group's.
        keep_graph: a later update of the same step backpropagates through the same graph.
        step: False accumulates gradients for the group's next update instead of applying them.
    """

    group: str
    losses: dict[str, Tensor]
    only: Iterable[Parameter] | None = None
    keep_graph: bool = False
    step: bool = True


class Method(nn.Module):
    """A way to learn the segmentation: built as `Entry(task, **settings)`.

    Subclasses implement `groups`, `train_step` and `forward`; nothing in a method touches
    optimisers, devices, autocast, `requires_grad` or the log. Optional abilities have a protocol each:
    `Translator`, `ContentCoder`, `Interpolator`.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    """Batch keys that `train_step` reads: image, image_clean, source, source_clean, maps."""

    roles: ClassVar[Mapping[str, str]] = {}
    """Setting -> the role that the network of that slot must serve in, where it is not the default of its
    kind: 'translator' for GENERATORS, 'critic' for DISCRIMINATORS; see `kinds`. A subclass names only those
    that it changes, also of slots that it inherits."""

    floor: ClassVar[Mapping[str, Any] | None] = None
    """Settings by their keys with which every report shows it beside the others, unasked: of a method that
    learns nothing and takes seconds, and whose maps the default decoder reads. None: it is not shown."""

    offset_advice: ClassVar[str] = ""
    """What a user can do when all labels are displaced from the nuclei."""

    divisor: int = 1
    """Stride of the coarsest features: crops must be multiples of it, and inference pads to one. Settings of
    a method may change it."""

    dims: ClassVar[Sequence[int]] = (2, 3)
    """Whether it is for images (2), volumes (3), or both."""

    windowed: ClassVar[bool] = True
    """Whether pictures can be predicted in windows and blocks; False if `forward` measures whole pictures."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    @property
    def segments(self) -> bool:
        """Whether `forward` gives maps; False for a method that only translates."""
        return True

    def groups(self) -> dict[str, Group]:
        """Optimisers by name; together they hold every parameter exactly once."""
        raise NotImplementedError

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """Yield the updates of one iteration, in the paper's order.

        Code after a yield runs when that update has been applied.
        Never yield inside a `with`.
        """
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        """Segment: image (B, channels, *S) in [-1, 1] -> maps (B, C, *S) in the target's own ranges."""
        raise NotImplementedError

    @torch.no_grad()
    def snapshot(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Pictures for the log by name, each (B, C, *S) in [-1, 1], rows of one panel."""
        seen = "image" if "image" in batch else "source"  # a batch holds what `needs` names
        return {seen: batch[seen], "prediction": self.task.target.as_image(self(batch[seen]))}
