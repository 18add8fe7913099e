"""Two processes train a method together as one does: real ones, which exchange gradients."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nucleizoo.checks.check import PromiseError, expect, raised
from nucleizoo.checks.entry import Entry
from nucleizoo.checks.processes import starter
from nucleizoo.checks.same import difference
from nucleizoo.checks.steps import Steps
from nucleizoo.checks.toys import batch_for, training
from nucleizoo.contracts import Clock, Update
from nucleizoo.core.errors import RankError
from nucleizoo.training.distributed.process_group import process_group
from nucleizoo.training.distributed.ranks import ALONE, Ranks
from nucleizoo.training.randomness import random_state, seed_everything
from nucleizoo.training.trainer import Trainer

COUNT = 2

PATIENCE = 120.0
"""Seconds that the processes may take."""

TOLERANCE = 1e-2
"""Of gradients in float32, relative to the largest of their group: with batch normalisation 0.0014 was seen,
and a sum in place of a mean doubles them."""


def trains_in_two_processes(steps: Steps) -> None:
    """Two processes train it as one does."""
    steps.seen()  # it can step
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), steps)
        first, second = (torch.load(Path(folder, f"{number}.pt")) for number in range(COUNT))
    where = difference(first["weights"], second["weights"], "weights")
    expect(
        not where,
        f"after two steps the {where} of two processes differ: something but the optimisers changes weights, "
        "by the pictures or random numbers of one process",
    )
    alone = _trained(steps, ALONE)
    if alone["draws"]:
        return  # each process draws random numbers of its own
    for group, expected in alone["gradients"].items():
        largest = max(float(one.abs().max()) for one in expected.values())
        for name, one in expected.items():
            error = float((one - first["gradients"][group][name]).abs().max())
            expect(
                error <= TOLERANCE * largest,
                f"two processes with one picture each, the same, give '{name}' another gradient than one "
                f"process with both (by {error / largest:.2%} of the largest): a loss is to be the mean over "
                "the batch, not the sum",
            )


def _run(folder: Path, steps: Steps) -> None:
    """Train in processes, which write what they found into a folder.

    Raises:
        PromiseError: when one of them fails, with its message.
    """
    meeting = torch.distributed.TCPStore(  # type: ignore[attr-defined]
        "localhost", 0, is_master=True, timeout=timedelta(seconds=PATIENCE)
    )
    made = [
        starter().Process(target=_begin, args=(number, meeting.port, folder, steps.entry, steps.dims))  # type: ignore[attr-defined]
        for number in range(COUNT)
    ]
    for process in made:
        process.start()
    deadline = time.monotonic() + PATIENCE
    for process in made:
        process.join(max(0.0, deadline - time.monotonic()))
    for process in made:
        if process.is_alive():
            process.kill()
            process.join()
    for number in range(COUNT):
        told = folder / f"{number}.txt"
        expect(not told.exists(), told.read_text() if told.exists() else "")
        expect(
            (folder / f"{number}.pt").exists(), f"process {number} ended, or waited for the other for ever"
        )


def _begin(number: int, port: int, folder: Path, entry: Entry, dims: int) -> None:
    """What a process does."""
    os.environ |= {
        "RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(COUNT),
        "LOCAL_WORLD_SIZE": str(COUNT),
        "MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    torch.set_num_threads(1)
    try:
        with process_group() as ranks:
            torch.save(_trained(Steps(entry, dims), ranks), folder / f"{number}.pt")
    except RankError:
        return  # the other process tells
    except PromiseError as error:
        (folder / f"{number}.txt").write_text(str(error))
    except Exception as error:  # of code that is on trial, in another process
        (folder / f"{number}.txt").write_text(raised(error))


def _trained(steps: Steps, ranks: Ranks) -> dict[str, Any]:
    """Two steps of plain descent: gradients of the first, by group and name; weights; whether it draws.

    In the first step all pictures are the same, in the second each process has its own.
    """
    seed_everything(ranks.seed(0))
    method = steps.method()
    seed_everything(ranks.seed(0))  # `method` draws the same weights for all
    names = {id(p): name for name, p in method.named_parameters()}
    plain, gradients = method.train_step, dict[str, dict[str, Tensor]]()
    share = 1 if ranks.count > 1 else COUNT

    def in_step(batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        return _in_step(plain(batch, clock), ranks, clock)

    method.train_step = in_step  # type: ignore[method-assign]
    trainer = Trainer(method, training(steps.recipe, 2), ranks=ranks)
    for name, group in trainer.groups.items():
        one = torch.optim.SGD(group.parameters, lr=0.0)  # the trainer sets the rate

        def look(optimiser: torch.optim.Optimizer, *_: Any, name: str = name) -> None:
            found = {
                names[id(p)]: p.grad.clone()
                for p in optimiser.param_groups[0]["params"]
                if p.grad is not None
            }
            gradients.setdefault(name, found)

        one.register_step_pre_hook(look)
        trainer.optimisers[name] = one
    before = random_state(trainer.device)
    same = batch_for(method, count=1)
    trainer.train([{key: value.repeat(share, *[1] * (value.ndim - 1)) for key, value in same.items()}])
    draws = bool(difference(before, random_state(trainer.device)))
    if ranks.count > 1:
        trainer.train([batch_for(method, seed=1 + ranks.number, count=1)])
    weights = {name: p.detach() for name, p in method.named_parameters()}
    return {"gradients": gradients, "weights": weights, "draws": draws}


def _in_step(updates: Iterator[Update], ranks: Ranks, clock: Clock) -> Iterator[Update]:
    """The updates, each once all processes have come to the same one.

    Raises:
        PromiseError: when they have not.
    """
    while True:
        update = next(updates, None)
        here = f"'{update.group}'" if update else "no further one"
        told = ranks.gathered(here)
        apart = len(set(told)) > 1
        if ranks.any(apart):
            raise PromiseError(
                f"in step {clock.iteration + 1} two processes come to different updates "
                f"({' and '.join(told)}), and would wait for one another for ever: which updates a step has "
                "must not depend on pictures or random numbers"
            )
        if update is None:
            return
        yield update
