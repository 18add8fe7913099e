"""Two steps of a method by the real trainer, watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from nucleizoo.checks.check import NotApplicableError, expect
from nucleizoo.checks.entry import Entry
from nucleizoo.checks.toys import batch_for, built, toy, training
from nucleizoo.contracts import Clock, Group, Method, Update
from nucleizoo.core.registry import Recipe
from nucleizoo.training.trainer import Trainer

STEPS = 2
"""A layer that is told to add nothing at first gives gradient to those before it from the second on."""


@dataclass(frozen=True)
class Applied:
    """What applying an update has done; parameters by their names.

    Attributes:
        group: that it names.
        losses: their names.
        step: whether an optimiser steps after it.
        wanted: parameters that it asks gradient for.
        moved: parameters that have changed meanwhile.
        left: parameters that have gradient which no optimiser has used yet.
        spared: parameters outside its `only` whose gradient has changed in spite of that.
    """

    group: str
    losses: tuple[str, ...]
    step: bool
    wanted: set[str]
    moved: set[str]
    left: set[str]
    spared: set[str]

    @property
    def told(self) -> str:
        """The update in words."""
        return f"the update of '{self.group}' ({', '.join(self.losses)})"


@dataclass(frozen=True)
class Seen:
    """What two steps have shown.

    Attributes:
        method: after them.
        groups: parameters by group.
        applied: the updates in order.
        outside: parameters that have changed between them, or after the last.
        gradients: names of the parameters that an optimiser found gradient for -> whether any was not 0.
    """

    method: Method
    groups: dict[str, set[str]]
    applied: list[Applied]
    outside: set[str]
    gradients: dict[str, bool]


class Steps:
    """A method in some dimensions, and its first steps, which several checks look at.

    Attributes:
        entry: the method's.
        dims: 2 or 3.
    """

    def __init__(self, entry: Entry, dims: int) -> None:
        self.entry, self.dims = entry, dims

    @property
    def recipe(self) -> Recipe:
        """Of the entry, as it is."""
        return self.entry.recipe

    @cached_property
    def flaw(self) -> Exception | None:
        """The error that keeps it from being built; `methods.is_built_from_its_defaults` raises it."""
        try:
            training(self.recipe, STEPS)
            with torch.device("meta"):  # as every training does first, to find mistakes
                built(self.recipe, self.dims)
            toy(self.recipe, self.dims)
        except Exception as error:  # of code that is on trial
            return error
        return None

    def method(self) -> Method:
        """A small one, new and always the same.

        Raises:
            NotApplicableError: when it is not built, which a check of its own tells.
        """
        if self.flaw:
            raise NotApplicableError("it is not built, see above")
        return toy(self.recipe, self.dims)

    def learning(self) -> Method:
        """The same.

        Raises:
            NotApplicableError: when it has no parameters.
        """
        method = self.method()
        if not method.groups():
            raise NotApplicableError("it has no parameters")
        return method

    def seen(self) -> Seen:
        """What its steps have shown.

        Raises:
            NotApplicableError: when it has no parameters, or its steps fail, which a check of its own tells.
        """
        if isinstance(self.outcome, Seen):
            return self.outcome
        if isinstance(self.outcome, NotApplicableError):
            raise self.outcome
        raise NotApplicableError("its steps fail, see above")

    @cached_property
    def outcome(self) -> Seen | Exception:
        """What its steps have shown, or the error that has ended them."""
        try:
            return self._watched()
        except Exception as error:  # of code that is on trial; `takes_two_steps` raises it
            return error

    def _watched(self) -> Seen:
        method = self.learning()
        plain, groups = method.train_step, method.groups()
        names = {id(p): name for name, p in method.named_parameters()}
        owned = {name: {names[id(p)] for p in group.parameters} for name, group in groups.items()}
        seen = Seen(method, owned, [], set(), {})
        before = {name: p.detach().clone() for name, p in method.named_parameters()}
        spared: dict[str, Tensor | None] = {}
        touched = set[str]()

        def changed() -> set[str]:
            """Parameters that have changed since this was called last."""
            moved = {name for name, p in method.named_parameters() if not p.equal(before[name])}
            before.update(
                (name, p.detach().clone()) for name, p in method.named_parameters() if name in moved
            )
            return moved

        def watched(batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
            for update in plain(batch, clock):
                _check(update, groups)
                if update.only is not None:  # the trainer may go through it once
                    update = replace(update, only=list(update.only))
                wanted = owned[update.group] if update.only is None else {names[id(p)] for p in update.only}
                spared.update(
                    (names[id(p)], None if p.grad is None else p.grad.clone())
                    for p in groups[update.group].parameters if names[id(p)] not in wanted
                )  # fmt: skip
                seen.outside.update(changed())
                yield update
                # what is behind a yield runs once the update is applied
                left = {name for name, p in method.named_parameters() if p.grad is not None and p.grad.any()}
                told = update.group, tuple(update.losses), update.step
                seen.applied.append(Applied(*told, set(wanted), changed(), left, set(touched)))
                spared.clear()
                touched.clear()

        def look(optimiser: torch.optim.Optimizer, *_: Any) -> None:
            for p in (p for group in optimiser.param_groups for p in group["params"]):
                name = names[id(p)]
                if name in spared and not _same(spared[name], p.grad):
                    touched.add(name)
                if p.grad is not None:
                    seen.gradients[name] = seen.gradients.get(name, False) or bool(p.grad.any())

        method.train_step = watched  # type: ignore[method-assign]
        trainer = Trainer(method, training(self.recipe, STEPS))
        for optimiser in trainer.optimisers.values():
            optimiser.register_step_pre_hook(look)
        trainer.train([batch_for(method)] * STEPS)
        method.train_step = plain  # type: ignore[method-assign]
        seen.outside.update(changed())
        return seen


def takes_two_steps(steps: Steps) -> None:
    """It takes two training steps, with losses that are finite."""
    if isinstance(steps.outcome, Exception):
        raise steps.outcome


def _check(update: Update, groups: dict[str, Group]) -> None:
    """Refuse an update that no trainer can apply.

    Raises:
        PromiseError: saying what is wrong.
    """
    known = ", ".join(groups)
    expect(update.group in groups, f"an update names the group '{update.group}'; groups() has {known}")
    for name, loss in update.losses.items():
        told = f"the loss '{name}' of '{update.group}'"
        expect(loss.ndim == 0, f"{told} has the shape {tuple(loss.shape)}; a loss is one number, like a mean")
        expect(
            torch.isfinite(loss).all(),
            f"{told} is {loss.item()}; look for the logarithm or root of 0, or a division by 0",
        )


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other if one is None or other is None else torch.equal(one, other)
