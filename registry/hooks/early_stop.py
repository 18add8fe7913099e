"""Early stopping: training ends when a score no longer improves."""

from __future__ import annotations

import logging
from typing import Any

from nucleizoo.contracts import Hook
from nucleizoo.contracts.hook import Training
from nucleizoo.core.errors import ConfigError
from nucleizoo.kinds import HOOKS
from nucleizoo.runs import Run

log = logging.getLogger(__name__)


@HOOKS.register("early_stop")
class EarlyStop(Hook):
    """Ends the training when a score has not risen for some validations.

    The weights saved are those of the last step, not of the best, and `--resume` continues from there.

    Args:
        score: its name in the log: 'truth/dice' or 'truth/object_f1' if MONITOR.TRUTH is set, or a score
            that needs no labels, such as 'unlabelled/stability'; one of which higher is better.
        patience: validations (MONITOR.VALIDATE) without a rise after which the training ends.

    Raises:
        ValueError: for a `patience` below 1.
    """

    def __init__(self, run: Run, *, score: str = "truth/object_f1", patience: int = 5) -> None:
        if patience < 1:
            raise ValueError(f"PATIENCE must be 1 or more, got {patience}")
        self.score, self.patience = score, patience
        self.best, self.waited, self.seen = float("-inf"), 0, -1

    def after_step(self, trainer: Training) -> None:
        """Check the score after each validation.

        Raises:
            ConfigError: when validation gives no score of that name.
        """
        if trainer.scored_at != trainer.iteration or self.seen == trainer.iteration:
            return
        if self.score not in trainer.scores:
            known = ", ".join(trainer.scores)
            raise ConfigError(
                f"MONITOR.HOOKS.EARLY_STOP.SCORE: there is no score '{self.score}'; choose one of {known}"
            )
        self.seen, value = trainer.iteration, trainer.scores[self.score]
        self.waited = 0 if value > self.best else self.waited + 1
        self.best = max(self.best, value)
        if self.waited >= self.patience:
            log.info(
                "%s has not risen above %.4f for %d validations; training ends",
                self.score,
                self.best,
                self.waited,
            )
            trainer.stop = True

    def state_dict(self) -> dict[str, Any]:
        """The best value, and the number of validations since."""
        return {"best": self.best, "waited": self.waited, "seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state from `state_dict`."""
        self.best, self.waited, self.seen = (state.get(key, old) for key, old in self.state_dict().items())
