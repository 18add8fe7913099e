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
    """Ends the training when a score has not risen for some validations; it does not go back to the best.

    It saves time and chooses no weights: the run keeps those of the last step, `patience` validations after
    the best score, and `--resume` continues from there. `keep_best` beside it keeps the best ones.

    Args:
        score: its name in the log: 'truth/dice' or 'truth/object_f1' if MONITOR.TRUTH is set, or a score
            that needs no labels, such as 'unlabelled/stability'; one of which higher is better.
        patience: validations (MONITOR.VALIDATE) without a rise after which the training ends.

    Raises:
        ValueError: for a `patience` below 1.
        ConfigError: before the first step, when the training will give no such score.
    """

    def __init__(self, run: Run, *, score: str = "truth/object_f1", patience: int = 5) -> None:
        if patience < 1:
            raise ValueError(f"PATIENCE must be 1 or more, got {patience}")
        self.score, self.patience = score, patience
        self.best, self.waited, self.seen = float("-inf"), 0, -1

    def before_training(self, trainer: Training) -> None:
        """Check that there will be such a score.

        Raises:
            ConfigError: when there will not.
        """
        check_expected(trainer, self.score, "EARLY_STOP")

    def after_step(self, trainer: Training) -> None:
        """Look at the score after each validation."""
        if trainer.scored_at != trainer.iteration or self.seen == trainer.iteration:
            return
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


def check_expected(trainer: Training, score: str, hook: str) -> None:
    """Check that a training will give a score, which the key SCORE of a hook names.

    Raises:
        ConfigError: when it will not.
    """
    if score in trainer.expected:
        return
    monitor, mends = trainer.config.MONITOR, list[str]()
    if not monitor.VALIDATE:
        mends.append("set MONITOR.VALIDATE, which is 0")
    if not monitor.TRUTH and (score.startswith("truth/") or not trainer.expected):
        mends.append("set MONITOR.TRUTH")
    if trainer.expected:
        mends.append(f"choose one of {', '.join(sorted(trainer.expected))}")
    raise ConfigError(
        f"MONITOR.HOOKS.{hook}.SCORE: this training will give no score '{score}'; {', or '.join(mends)}"
    )
