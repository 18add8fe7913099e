"""The supervised method: what it refuses, and that it learns a task that a threshold solves."""

import pytest
import torch

from nucleizoo import GENERATORS, METHODS, TARGETS, Clock, Task
from nucleizoo.core.plugins import load_plugins

load_plugins()


def make(pictures=True):
    torch.manual_seed(0)
    return METHODS.get("supervised")(
        Task(1, 1, 2, TARGETS.recipe("mask")(), source_pictures=pictures),
        network=GENERATORS.recipe("unet", width=8, blocks=2),
    )


def test_labels_without_pictures_are_refused():
    with pytest.raises(ValueError, match="labels alone"):
        make(pictures=False)


def test_a_threshold_is_learnt():
    method = make()
    optimiser = torch.optim.Adam(method.parameters(), 1e-2)
    g = torch.Generator().manual_seed(0)
    for _ in range(40):
        source = torch.rand(2, 1, 16, 16, generator=g) * 2 - 1
        (update,) = method.train_step({"source": source, "maps": (source > 0).float()}, Clock(0, 1))
        optimiser.zero_grad()
        torch.stack(list(update.losses.values())).sum().backward()
        optimiser.step()
    image = torch.rand(1, 1, 16, 16, generator=g) * 2 - 1
    with torch.no_grad():
        agree = (method.eval()(image) > 0.5) == (image > 0)
    assert agree.float().mean() > 0.8
