"""A training that was interrupted goes on to the bits of one that was not, and predicts from its weights."""

from __future__ import annotations

import io
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from nucleizoo.checks.check import PromiseError, expect
from nucleizoo.checks.same import difference
from nucleizoo.checks.steps import STEPS, Steps
from nucleizoo.checks.toys import batch_for, training
from nucleizoo.core.format import first_line
from nucleizoo.ops.nn.layout import to_channels_last
from nucleizoo.runs import weights_of
from nucleizoo.training.trainer import Trainer

State = dict[str, Any]


def resumes_exactly(steps: Steps) -> None:
    """A step and a resumed one are two steps, to the bit."""
    steps.seen()  # it can step
    middle, end = _trained(steps)
    trainer = _trainer(steps)
    trainer.load_state_dict(middle)
    trainer.train([_batch(trainer, 1)])
    where = _difference(trainer.state_dict(), end)
    if where and (again := _difference(_trained(steps)[1], end)):
        raise PromiseError(
            f"two trainings from one seed differ in {again}: a random number comes from elsewhere than the "
            "global generators of torch, NumPy and Python, which are seeded and saved"
        )
    expect(
        not where,
        f"a training that was resumed differs in {where} from one that was not: the method remembers what "
        "state_dict leaves out; make it a buffer, or a part of get_extra_state, as "
        "nucleizoo.ops.nn.image_pool does",
    )


def predicts_from_saved_weights(steps: Steps) -> None:
    """A new method with its saved weights predicts what it predicts."""
    method = steps.seen().method if steps.method().groups() else steps.method()
    fresh = steps.method()
    for one in (method, fresh):
        to_channels_last(one, steps.dims)  # as training and prediction do
    fresh.load_state_dict(saved(weights_of(method)), strict=False)  # as a run does
    image = batch_for(method, keys=frozenset({"image"}))["image"]
    with torch.no_grad():
        same = torch.equal(fresh.eval()(image), method.eval()(image))
    expect(
        same,
        "a new method with the saved weights predicts something else: forward uses what is neither parameter "
        "nor buffer; register it as a buffer",
    )


def saved(state: State) -> State:
    """A state as it is read from a file.

    Raises:
        PromiseError: when it holds what cannot be read safely.
    """
    content = io.BytesIO()
    torch.save(state, content)
    content.seek(0)
    try:
        read: State = torch.load(content, weights_only=True)
    except UnpicklingError as error:
        raise PromiseError(
            f"its state holds more than tensors and plain values, so that reading it could run code: "
            f"{first_line(error)}"
        ) from error
    return read


def _trained(steps: Steps) -> tuple[State, State]:
    """The states after one step and after two, the first as it is read from a file."""
    trainer = _trainer(steps)
    trainer.train([_batch(trainer, 0)])
    middle = saved(trainer.state_dict())
    trainer.train([_batch(trainer, 1)])
    return middle, trainer.state_dict()


def _trainer(steps: Steps) -> Trainer:
    return Trainer(steps.method(), training(steps.recipe, STEPS))


def _batch(trainer: Trainer, iteration: int) -> dict[str, Tensor]:
    return batch_for(trainer.method, iteration)


def _difference(one: State, other: State) -> str:
    """Where two states differ; the generators are left out, because other threads draw from Python's."""
    a, b = ({key: value for key, value in state.items() if key != "random"} for state in (one, other))
    return difference(a, b)
