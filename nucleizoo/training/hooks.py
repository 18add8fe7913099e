"""Hooks that average weights, save checkpoints, and call a function every few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from nucleizoo.contracts import Hook, Method
from nucleizoo.contracts.hook import Training
from nucleizoo.core.errors import DivergedError
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.runs import Run, weights_of
from nucleizoo.training.randomness import random_numbers_kept


class Average(Hook):
    """Keeps an exponential moving average of the weights, which predicts better than the last step's.

    Args:
        decay: share of the old mean that each step keeps, in [0, 1); early steps keep less, so that the
            mean forgets the initial weights.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.mean: dict[str, Tensor] = {}

    def before_training(self, trainer: Training) -> None:
        """Start from the present weights, or from the mean of the run that is resumed."""
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
        """Give the method the mean weights inside the block."""
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
        """Restore the mean."""
        self.mean = dict(state)


class Save(Hook):
    """Writes checkpoint and weights: at the start, every `every` steps, and at the end.

    All ranks have it, because a checkpoint holds the state of all of them; the first one writes.

    Args:
        run: where to save.
        every: steps between two checkpoints.
        average: its weights are saved for prediction; None saves those of the last step.
        remembered: returns the statistics of the norms on the images, if they are to be saved.
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
        """Save the initial state, so that there is always something to resume from."""
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
                    "finite (NaN or infinite). The last good checkpoint is kept. Train again into another "
                    "--out with a lower SOLVER.LR"
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
    """Calls a function every few steps and at the end, with averaged weights if there are any.

    Args:
        every: steps between two calls.
        look: called with the trainer, its method in evaluation mode; random numbers that it draws do not
            change the training.
        average: the method has its weights during the call.
        scores: names of the scores that the function records of a method.
    """

    def __init__(
        self,
        every: int,
        look: Callable[[Training], None],
        average: Average | None = None,
        scores: Callable[[Method], Iterable[str]] | None = None,
    ) -> None:
        self.every, self.look, self.average, self.scores = every, look, average, scores

    def gives(self, trainer: Training) -> Iterable[str]:
        """The names of the function's scores, if it is called at all."""
        return self.scores(trainer.method) if self.every and self.scores else ()

    def after_step(self, trainer: Training) -> None:
        """Call the function when it is time."""
        if self.every and trainer.iteration % self.every == 0:
            self._look(trainer)

    def after_training(self, trainer: Training) -> None:
        """Call it for the result, unless nothing was trained or the user has stopped the training."""
        if self.every and trainer.iteration % self.every and trainer.batch and not trainer.stop:
            self._look(trainer)

    def _look(self, trainer: Training) -> None:
        with predicting(trainer, self.average):
            self.look(trainer)


@contextmanager
def predicting(trainer: Training, average: Average | None) -> Iterator[None]:
    """Inside the block, the method is as it predicts: in evaluation mode, with averaged weights if any.

    Random numbers drawn inside do not change the training.
    """
    applied = average.applied(trainer) if average else nullcontext()
    trained = [layer for layer in trainer.method.modules() if layer.training]
    with random_numbers_kept(trainer.device), torch.no_grad(), applied:
        trainer.method.eval()
        try:
            yield
        finally:
            for layer in trained:
                layer.training = True


def _assign(weights: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    for name, value in weights.items():
        value.copy_(values[name])
