"""Gradient descent with momentum, by hand."""

import pytest
import torch

from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import OPTIMISERS

load_plugins()


def test_a_step_is_the_gradient_and_a_share_of_the_step_before():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimiser = OPTIMISERS.recipe("sgd", momentum=0.5, weight_decay=0.25)()([weight], 0.1)
    for wanted in (2 - 0.1 * (1 + 0.25 * 2), 1.85 - 0.1 * (1 + 0.25 * 1.85 + 0.5 * 1.5)):
        weight.grad = torch.ones(1)
        optimiser.step()
        assert weight.item() == pytest.approx(wanted)


@pytest.mark.parametrize("settings", [{"momentum": 1.0}, {"momentum": -0.1}, {"weight_decay": -1.0}])
def test_values_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=r"MOMENTUM .*WEIGHT_DECAY"):
        OPTIMISERS.recipe("sgd", **settings)()
