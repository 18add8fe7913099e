"""Keeping the best weights: those with the highest score, the start included, are the ones that predict."""

from __future__ import annotations

import logging
from typing import Any

from torch import Tensor

from nucleizoo.contracts import Hook
from nucleizoo.contracts.hook import Chosen, Training
from nucleizoo.kinds import HOOKS
from nucleizoo.runs import Run, weights_of

from .early_stop import check_expected

log = logging.getLogger(__name__)


@HOOKS.register("keep_best")
class KeepBest(Hook):
    """Saves the weights with the best score so far for prediction, in place of the latest ones.

    The start is scored too, so that a training that begins with the weights of another (SOLVER.FROM) never
    ends below it, on the pictures that are scored. Of equal scores, the earliest counts. Training itself
    goes on with the latest weights.

    The best of many scores is too good by chance: give the score on other pictures as the result.

    Args:
        score: its name in the log, as for `early_stop`.

    Raises:
        ConfigError: before the first step, when the training will give no such score.
    """

    from_start = True

    def __init__(self, run: Run, *, score: str = "truth/object_f1") -> None:
        self.score = score
        self.scores: dict[int, float] = {}
        self.best = -1
        self.weights: dict[str, Tensor] = {}

    def before_training(self, trainer: Training) -> None:
        """Check that there will be such a score, and take that of the start, or the best until now.

        Raises:
            ConfigError: when there will not.
        """
        check_expected(trainer, self.score, "KEEP_BEST")
        if self.scores:
            self.weights = {name: value.to(trainer.device) for name, value in self.weights.items()}
            trainer.chosen = Chosen(self.best, self.weights)
        self._look(trainer)

    def after_step(self, trainer: Training) -> None:
        """Look at the score after each validation."""
        self._look(trainer)

    def after_training(self, trainer: Training) -> None:
        """Look at the last score, and tell what is kept."""
        self._look(trainer)
        if self.scores:
            ends = min(self.scores), max(self.scores)
            shown = ", ".join(f"{self.scores[at]:.4f} at {at}" for at in sorted({*ends, self.best}))
            log.info("the weights of iteration %d are kept: %s %s", self.best, self.score, shown)

    def _look(self, trainer: Training) -> None:
        if trainer.scored_at != trainer.iteration or trainer.iteration in self.scores:
            return
        value = trainer.scores[self.score]
        self.scores[trainer.iteration] = value
        if self.best < 0 or value > self.scores[self.best]:
            latest = trainer.average or weights_of(trainer.method)
            self.weights = {name: one.clone() for name, one in latest.items()}
            self.best = trainer.iteration
            trainer.chosen = Chosen(self.best, self.weights)

    def state_dict(self) -> dict[str, Any]:
        """All scores by iteration, and the best weights with their iteration."""
        return {"scores": self.scores, "best": self.best, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state from `state_dict`."""
        self.scores, self.best, self.weights = (state.get(key, old) for key, old in self.state_dict().items())
