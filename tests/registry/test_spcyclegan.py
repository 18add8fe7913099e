"""SpCycleGAN: the third network looks for the mask in the image made from it."""

import pytest
import torch

from nucleizoo import DISCRIMINATORS, GENERATORS, LOSSES, METHODS, TARGETS, Clock, Task
from nucleizoo.core.plugins import load_plugins

load_plugins()


def make(**settings):
    torch.manual_seed(0)
    return METHODS.get("spcyclegan")(
        Task(1, 1, 2, TARGETS.recipe("mask")()),
        generator=GENERATORS.recipe("resnet", width=4, blocks=1),
        discriminator=DISCRIMINATORS.recipe("patchgan", width=4, blocks=1),
        **settings,
    )


class Part(torch.nn.Module):
    """A network whose tanh is `factor` of its input."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return torch.atanh(self.factor * x)


def a_batch(source=0.8):
    return {"image": torch.full((2, 1, 16, 16), 0.3), "source": torch.full((2, 1, 16, 16), source)}


def losses(method):
    return next(iter(method.train_step(a_batch(), Clock(0, 10)))).losses


def test_the_spatial_loss_is_ten_times_the_squared_difference_to_the_mask():
    method = make()
    method.translators["image"], method.finder = Part(0.5), Part(0.25)
    # mask 0.8 -> image 0.4 -> found 0.1
    assert losses(method)["spatial"].item() == pytest.approx(10 * 0.7**2, rel=1e-5)
    strict = make(spatial=LOSSES.recipe("l1", weight=2.0))
    strict.translators["image"], strict.finder = Part(0.5), Part(0.25)
    assert losses(strict)["spatial"].item() == pytest.approx(2 * 0.7, rel=1e-5)


def test_all_else_is_as_in_cyclegan():
    method, plain = make(), METHODS.get("cyclegan")(
        Task(1, 1, 2, TARGETS.recipe("mask")()),
        generator=GENERATORS.recipe("resnet", width=4, blocks=1),
        discriminator=DISCRIMINATORS.recipe("patchgan", width=4, blocks=1),
    )  # fmt: skip
    plain.load_state_dict({k: v for k, v in method.state_dict().items() if not k.startswith("finder.")})
    here, there = losses(method), losses(plain)
    assert here.keys() - there.keys() == {"spatial"}
    for name, loss in there.items():
        torch.testing.assert_close(here[name], loss)


def test_the_spatial_loss_teaches_the_third_network_and_the_one_that_makes_images_alone():
    method = make()
    losses(method)["spatial"].backward()
    for network, learns in (
        (method.finder, True), (method.translators["image"], True), (method.translators["source"], False),
        (method.critics, False),
    ):  # fmt: skip
        assert all((p.grad is not None) == learns for p in network.parameters())


def test_translators_and_third_network_are_as_large_as_published():
    with torch.device("meta"):
        method = METHODS.recipe("spcyclegan")(Task(1, 1, 2, TARGETS.recipe("mask")()))
    count = {name: sum(p.numel() for p in group.parameters) for name, group in method.groups().items()}
    # 11,365,633 each; the package's mask-to-image network with the third one: 22,731,266
    assert count == {"generator": 3 * 11_365_633, "discriminator": 2 * 2_762_689}


def test_the_panel_shows_what_was_found():
    assert list(make().snapshot(a_batch()))[-1] == "source found"
