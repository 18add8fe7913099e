"""Hooks that average weights, save checkpoints, and call a function every few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from nucleizoo.contracts import Hook, Method
from nucleizoo.contracts.hook import Chosen, Training
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
        trainer.average = self.mean

    @torch.no_grad()
    def after_step(self, trainer: Training) -> None:
        """Move the mean a little towards the weights."""
        decay = min(self.decay, (1 + trainer.iteration) / (10 + trainer.iteration))
        for name, value in weights_of(trainer.method).items():
            if value.is_floating_point():
                self.mean[name].lerp_(value, 1 - decay)
            else:
                self.mean[name] = value.clone()  # of another size, if a program has put its model there

    def state_dict(self) -> dict[str, Any]:
        """The mean."""
        return self.mean

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the mean."""
        self.mean = dict(state)


class Save(Hook):
    """Writes checkpoint and weights: at the start, every `every` steps, and at the end.

    The weights for prediction are those that a hook has chosen, or else the averaged ones, if there are any.

    All ranks have it, because a checkpoint holds the state of all of them; the first one writes.

    Args:
        run: where to save.
        every: steps between two checkpoints.
        remembered: returns the statistics of the norms on the images with the weights that the method has
            after an iteration, if they are to be saved.
    """

    def __init__(
        self,
        run: Run,
        every: int,
        remembered: Callable[[Training, int], Statistics] | None = None,
    ) -> None:
        self.run, self.every, self.remembered = run, every, remembered

    def before_training(self, trainer: Training) -> None:
        """Save the initial state, so that there is always something to resume from."""
        self._save(trainer)

    def after_step(self, trainer: Training) -> None:
        """Save when it is time."""
        if trainer.iteration % self.every == 0:
            self._save(trainer)

    def after_training(self, trainer: Training) -> None:
        """Save the last state, which other hooks may have changed since the last step."""
        self._save(trainer)

    def _save(self, trainer: Training) -> None:
        for name, value in trainer.method.named_parameters():
            if not torch.isfinite(value).all():
                raise DivergedError(
                    f"training stopped at iteration {trainer.iteration}: the weights '{name}' are not "
                    "finite (NaN or infinite). The last good checkpoint is kept. Train again into another "
                    "--out with a lower SOLVER.LR"
                )
        state = trainer.state_dict()
        if trainer.is_first:
            latest = Chosen(trainer.iteration, trainer.average or weights_of(trainer.method))
            chosen, statistics = trainer.chosen or latest, None
            if self.remembered:
                with predicting(trainer, chosen.weights):
                    statistics = self.remembered(trainer, chosen.iteration)
            self.run.save(state, chosen.weights, statistics)


class Every(Hook):
    """Calls a function every few steps and at the end, the method with averaged weights if there are any.

    Args:
        every: steps between two calls.
        look: called with the trainer, its method in evaluation mode; random numbers that it draws do not
            change the training.
        scores: names of the scores that the function records of a method.
        from_start: call it before the first step, too.
    """

    def __init__(
        self,
        every: int,
        look: Callable[[Training], None],
        scores: Callable[[Method], Iterable[str]] | None = None,
        *,
        from_start: bool = False,
    ) -> None:
        self.every, self.look, self.scores, self.at_start = every, look, scores, from_start

    def gives(self, trainer: Training) -> Iterable[str]:
        """The names of the function's scores, if it is called at all."""
        return self.scores(trainer.method) if self.every and self.scores else ()

    def before_training(self, trainer: Training) -> None:
        """Call the function for the initial state, if that is asked for."""
        if self.every and self.at_start and trainer.iteration == 0:
            self._look(trainer)

    def after_step(self, trainer: Training) -> None:
        """Call the function when it is time."""
        if self.every and trainer.iteration % self.every == 0:
            self._look(trainer)

    def after_training(self, trainer: Training) -> None:
        """Call it for the result, unless nothing was trained or the user has stopped the training."""
        if self.every and trainer.iteration % self.every and trainer.batch and not trainer.stop:
            self._look(trainer)

    def _look(self, trainer: Training) -> None:
        with predicting(trainer, trainer.average):
            self.look(trainer)


@contextmanager
def predicting(trainer: Training, weights: dict[str, Tensor]) -> Iterator[None]:
    """Inside the block, the method is as it predicts: in evaluation mode, with other weights if any.

    Random numbers drawn inside do not change the training.
    """
    trained = [layer for layer in trainer.method.modules() if layer.training]
    with random_numbers_kept(trainer.device), torch.no_grad(), _applied(trainer.method, weights):
        trainer.method.eval()
        try:
            yield
        finally:
            for layer in trained:
                layer.training = True


@contextmanager
def _applied(method: Method, weights: dict[str, Tensor]) -> Iterator[None]:
    """Give the method other weights inside the block, if there are any."""
    own = weights_of(method) if weights else {}
    kept = {name: value.clone() for name, value in own.items()}
    _assign(own, weights)
    try:
        yield
    finally:
        _assign(own, kept)


def _assign(weights: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    for name, value in weights.items():
        value.copy_(values[name])
