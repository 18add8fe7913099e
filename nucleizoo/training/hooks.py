"""What happens around the steps: logging, pictures, averaging, scoring, saving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from nucleizoo.contracts import Hook
from nucleizoo.contracts.hook import Training
from nucleizoo.core.errors import DivergedError
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.runs import Run, weights_of
from nucleizoo.training.randomness import random_numbers_kept


class Average(Hook):
    """Keeps a running mean of the weights, which predicts better than the last step's.

    Args:
        decay: share of the old mean that is kept in each step, in [0, 1); early steps keep less,
            so that the mean forgets the start.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.mean: dict[str, Tensor] = {}

    def before_training(self, trainer: Training) -> None:
        """Start from the weights as they are, or from the mean of the run that is continued."""
        start = self.mean or weights_of(trainer.method)
        self.mean = {name: value.to(trainer.device, copy=True) for name, value in start.items()}

    @torch.no_grad()
    def after_step(self, trainer: Training) -> None:
        """Move the mean a little towards the weights."""
        decay = min(self.decay, (1 + trainer.iteration) / (10 + trainer.iteration))
        for name, value in weights_of(trainer.method).items():
            if value.is_floating_point():
                self.mean[name].lerp_(value, 1 - decay)
            else:
                self.mean[name].copy_(value)

    @contextmanager
    def applied(self, trainer: Training) -> Iterator[None]:
        """Let the method have the mean weights inside the block."""
        own = weights_of(trainer.method)
        kept = {name: value.clone() for name, value in own.items()}
        _assign(own, self.mean)
        try:
            yield
        finally:
            _assign(own, kept)

    def state_dict(self) -> dict[str, Any]:
        """The mean."""
        return self.mean

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the mean back."""
        self.mean = dict(state)


class Save(Hook):
    """Writes checkpoint and weights: at the start, every `every` steps, and at the end.

    All ranks have it, for the checkpoint is of all of them; the first one writes.

    Args:
        run: where to.
        every: steps between two.
        average: whose weights are those to predict with.
        remembered: gives what the norms of these see of the images, if that is to be kept.
    """

    def __init__(
        self,
        run: Run,
        every: int,
        average: Average | None = None,
        remembered: Callable[[Training], Statistics] | None = None,
    ) -> None:
        self.run, self.every, self.average, self.remembered = run, every, average, remembered
        self.saved = -1

    def before_training(self, trainer: Training) -> None:
        """From the first moment on there is something to resume from."""
        self._save(trainer)

    def after_step(self, trainer: Training) -> None:
        """Save when it is time."""
        if trainer.iteration % self.every == 0:
            self._save(trainer)

    def after_training(self, trainer: Training) -> None:
        """Save the last state."""
        self._save(trainer)

    def _save(self, trainer: Training) -> None:
        if self.saved == trainer.iteration:
            return
        for name, value in trainer.method.named_parameters():
            if not torch.isfinite(value).all():
                raise DivergedError(
                    f"training stopped at iteration {trainer.iteration}: the weights '{name}' are not "
                    "finite. The last good checkpoint is kept. Train again into another --out with a "
                    "lower SOLVER.LR"
                )
        state = trainer.state_dict()
        if trainer.is_first:
            statistics = None
            if self.remembered:
                with predicting(trainer, self.average):
                    statistics = self.remembered(trainer)
            weights = self.average.mean if self.average else weights_of(trainer.method)
            self.run.save(state, weights, statistics)
        self.saved = trainer.iteration


class Every(Hook):
    """Every few steps: hands the method, with its averaged weights if there are any, to a function.

    Args:
        every: steps between two calls.
        look: called with the trainer, its method in evaluation mode; its random numbers and
            its time do not touch the training's.
        average: whose weights to look at.
    """

    def __init__(self, every: int, look: Callable[[Training], None], average: Average | None = None) -> None:
        self.every, self.look, self.average = every, look, average

    def after_step(self, trainer: Training) -> None:
        """Look when it is time."""
        if self.every and trainer.iteration % self.every == 0:
            self._look(trainer)

    def after_training(self, trainer: Training) -> None:
        """Look at the result; not when nothing was trained, and not when the user waits for the end."""
        if self.every and trainer.iteration % self.every and trainer.batch and not trainer.stop:
            self._look(trainer)

    def _look(self, trainer: Training) -> None:
        with predicting(trainer, self.average):
            self.look(trainer)


@contextmanager
def predicting(trainer: Training, average: Average | None) -> Iterator[None]:
    """Let the method be as it predicts inside the block: in evaluation mode, with averaged weights if any.

    What is drawn at random inside does not touch the training.
    """
    applied = average.applied(trainer) if average else nullcontext()
    with random_numbers_kept(trainer.device), torch.no_grad(), applied:
        trainer.method.eval()
        try:
            yield
        finally:
            trainer.method.train()


def _assign(weights: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    for name, value in weights.items():
        value.copy_(values[name])
