"""The interface of hooks, which are called around the steps of a training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor
from yacs.config import CfgNode

from nucleizoo.contracts.method import Method


@dataclass(frozen=True, eq=False)
class Chosen:
    """Weights that a hook has chosen for prediction.

    Attributes:
        iteration: after which the method had them.
        weights: parameters and buffers by name, on the device of the training.
    """

    iteration: int
    weights: dict[str, Tensor]


class Training(Protocol):
    """What a hook sees of the trainer.

    Attributes:
        method: in training mode, on `device`.
        config: the whole configuration.
        device: where the method computes.
        precision: of its passes, torch.float32 or torch.bfloat16.
        iteration: steps done so far.
        total: steps in all.
        losses: name -> scalar tensor of the latest step, on the device.
        scores: name -> number, from the latest validation, such as 'truth/dice'.
        scored_at: the iteration of that validation; -1 before the first.
        expected: names of the scores that validations of this training will give; complete before the first
            step.
        average: running mean of the weights by name, with which the method predicts; {} where none is kept.
        chosen: set it to have these weights saved for prediction, in place of the latest; None saves those.
        batch: the latest batch, on the device.
        stop: set it to end the training after the current step.
    """

    method: Method
    config: CfgNode
    device: torch.device
    precision: torch.dtype
    iteration: int
    total: int
    losses: dict[str, Tensor]
    scores: dict[str, float]
    scored_at: int
    expected: frozenset[str]
    average: dict[str, Tensor]
    chosen: Chosen | None
    batch: dict[str, Tensor]
    stop: bool

    @property
    def is_first(self) -> bool:
        """Whether this is the first rank, which writes and reports."""

    @property
    def processes(self) -> int:
        """The number of ranks."""

    def scored(self, group: str, scores: dict[str, float]) -> None:
        """Record the scores of a validation of this iteration."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume bit for bit; all ranks must call it together."""


class Hook:
    """Called by the trainer; every method is optional.

    A registered hook is built as `Entry(run, **settings)` with the run folder (`runs.Run`), and is called
    on the first rank only. Checkpoints keep the state of a hook under its class, so a trainer can have only
    one hook of a class with state.
    """

    from_start: ClassVar[bool] = False
    """Whether it needs the scores before the first step, too."""

    def gives(self, trainer: Training) -> Iterable[str]:
        """Names of the scores that this hook will record, such as 'truth/dice'; asked before training."""
        return ()

    def before_training(self, trainer: Training) -> None:
        """Before the first step of this process, at `trainer.iteration`."""

    def after_step(self, trainer: Training) -> None:
        """After step number `trainer.iteration`, with its losses in `trainer.losses`."""

    def after_training(self, trainer: Training) -> None:
        """After the last step, or the step at which training was stopped; not after an error."""

    def close(self) -> None:
        """At the very end, whatever happened."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs of this hook: tensors and plain values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
