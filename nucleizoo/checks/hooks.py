"""What hooks promise: they watch a training, and change nothing of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nucleizoo.checks.check import expect
from nucleizoo.checks.resume import saved
from nucleizoo.checks.same import difference
from nucleizoo.checks.toys import batch_for, toy, training
from nucleizoo.contracts import Hook
from nucleizoo.contracts.hook import Training
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import METHODS
from nucleizoo.runs import Run
from nucleizoo.training.trainer import Trainer
from nucleizoo.training.validation import Validation


class Scores(Hook):
    """Gives the scores of a validation after every step: 0.1, 0.2 and so on."""

    def gives(self, trainer: Training) -> Iterable[str]:
        """All of them."""
        return Validation.names(trainer.method)

    def before_training(self, trainer: Training) -> None:
        """A first one."""
        self.after_step(trainer)

    def after_step(self, trainer: Training) -> None:
        """The next."""
        names = [name.partition("/")[2] for name in self.gives(trainer)]
        trainer.scored("truth", dict.fromkeys(names, (trainer.iteration + 1) / 10))


def leaves_the_training_alone(recipe: Recipe) -> None:
    """A training with it has the weights of one without."""
    with tempfile.TemporaryDirectory() as folder:
        where = difference(_trained(recipe, folder)["method"], _trained(None, folder)["method"], "weights")
    expect(
        not where, f"{where} differ; a hook looks at a training, draws no random numbers and moves no weight"
    )


def is_resumed_exactly(recipe: Recipe) -> None:
    """Resumed, it comes to the same state."""
    with tempfile.TemporaryDirectory() as folder:
        whole = _trained(recipe, folder)["hooks"]
        resumed = _trained(recipe, folder, saved(_trained(recipe, folder, total=1)))["hooks"]
    where = difference(resumed, whole, "state")
    expect(not where, f"its {where} differs; state_dict must hold all that it remembers")


def _trained(
    recipe: Recipe | None, folder: str, state: dict[str, Any] | None = None, total: int = 2
) -> dict[str, Any]:
    """The state after a training of two steps of the first method that learns."""
    some = next(name for name in METHODS.names() if toy(METHODS.recipe(name), 2).groups())
    method = toy(METHODS.recipe(some), 2)
    config = training(METHODS.recipe(some), 2)
    hooks: list[Hook] = [Scores()]
    if recipe is not None:
        hooks.append(recipe(Run(Path(folder, "run"), config)))
    trainer = Trainer(method, config, hooks)
    if state is not None:
        trainer.load_state_dict(state)
    trainer.train(batch_for(method, seed) for seed in range(trainer.iteration, total))
    return trainer.state_dict()
