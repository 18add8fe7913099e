"""Cellulus: its pairs, its loss, and that offsets are told from looks."""

import math

import pytest
import torch
from support.naming import names

from nucleizoo import Clock, Task
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import GENERATORS, LOSSES, METHODS, TARGETS

load_plugins()


def task(dims=2, target="embedding"):
    return Task(1, 1, dims, TARGETS.get(target)())


def method(dims=2, target="embedding", **settings):
    torch.manual_seed(0)
    network = GENERATORS.recipe("cellulus", width=4, growth=2, features=4)
    return METHODS.get("cellulus")(task(dims, target), network=network, **settings)


@pytest.mark.parametrize(("dims", "size"), [(2, (30, 40)), (3, (6, 20, 24))])
def test_pairs_are_near_in_one_crop_and_as_many_as_the_densities_say(dims, size):
    made = method(dims, kappa=5, density=0.2)
    first, second = made.pairs(torch.zeros(3, *size, dims))
    far = (first - second)[:, 1:].square().sum(1)
    assert (first[:, 0] == second[:, 0]).all() and far.min() >= 1 and far.max() < 25
    for place in (first[:, 1:], second[:, 1:]):
        assert (place >= 0).all() and (place < torch.tensor(size)).all()
    assert len(first) == 3 * int(0.2 * size[-2] * size[-1]) * int(0.2 * math.pi * 25)


def test_the_loss_is_the_paper_s_and_pulls_only_the_first():
    made = method(regularisation=0.5)
    image = torch.rand(2, 1, 24, 24) * 2 - 1
    torch.manual_seed(3)
    (update,) = made.train_step({"image": image}, Clock(0, 10))
    offsets = made.network(image).movedim(1, -1)
    torch.manual_seed(3)
    first, second = made.pairs(offsets)
    apart = [(a[1:] + offsets[tuple(a)] - b[1:] - offsets[tuple(b)]).square().sum()
             for a, b in zip(first[:40], second[:40], strict=True)]  # fmt: skip
    by_hand = torch.stack([1 - torch.exp(-one / 10) for one in apart]).mean()
    some = LOSSES.get("attraction")(temperature=10)(
        *(place[:40, 1:] + offsets[tuple(place[:40].T)] for place in (first, second))
    )
    torch.testing.assert_close(some, by_hand)
    torch.testing.assert_close(update.losses["length"], 0.5 * offsets.norm(dim=-1).mean())
    moved = first[:, 1:] + offsets[tuple(first.T)]
    rest = (second[:, 1:] + offsets[tuple(second.T)]).detach()
    wanted = torch.autograd.grad(
        (1 - torch.exp(-(moved - rest).square().sum(1) / 10)).mean(), made.network.head[-1].bias
    )
    found = torch.autograd.grad(update.losses["attraction"], made.network.head[-1].bias)
    torch.testing.assert_close(found, wanted)


class Known(torch.nn.Module):
    """Gives an offset that noise moves where the picture is dark."""

    def forward(self, picture):
        shaken = torch.where(picture.abs() < 0.9, 0.0, picture)  # the noise
        pulled = torch.nn.functional.avg_pool2d(torch.where(picture < -0.5, 9.0, shaken.abs()), 5, 1, 2)
        return torch.cat([3 + pulled, torch.full_like(pulled, -7.0)], 1)


def test_what_noise_does_not_move_is_nucleus_and_a_common_offset_is_taken_away():
    made = method(halo=True, noise=0.2)
    steady = torch.full((1, 1, 40, 40), -1.0)
    steady[..., 10:30, 10:30] = 0.8
    made.network = Known()
    offset, spread = made.offsets(steady)
    assert torch.equal(made.offsets(steady)[1], spread), "the noise is the same in every call"
    torch.testing.assert_close(offset[:, 1], torch.full((1, 40, 40), -7.0))
    maps = dict(zip(made.task.target.names, made(steady)[0], strict=True))
    inside = (maps["probability"] > 0.5).float()
    torch.testing.assert_close((maps["offset_y"] * inside).sum(), torch.tensor(0.0), atol=1e-3, rtol=0)
    assert not maps["offset_x"].any() and not maps["offset_z"].any()


def test_without_a_halo_only_the_bright_part_of_what_is_certain_is_nucleus():
    bright = torch.full((1, 20, 20), -1.0)
    bright[:, 6:14, 6:14] = 1.0
    spread = torch.full((20, 20), 2.0)
    spread[3:17, 3:17] = 0.1  # certain of the halo, too
    assert (method(halo=True).foreground(spread, bright) > 0.5).sum() == 14 * 14
    assert (method(halo=False).foreground(spread, bright) > 0.5).sum() == 8 * 8
    flat = method().foreground(torch.zeros(20, 20), bright)
    assert not (flat > 0.5).any()


def test_an_output_depends_on_sixteen_voxels_around_it():
    torch.manual_seed(0)
    net = GENERATORS.get("cellulus")(1, 2, 2, width=8, growth=2, features=8)
    picture = torch.rand(1, 1, 64, 64, requires_grad=True)
    net(picture)[0, :, 32, 32].sum().backward()
    rows = picture.grad[0, 0].abs().sum(1).nonzero()
    assert 14 <= rows.max() - rows.min() + 1 <= 18


def test_a_target_that_needs_other_maps_is_refused():
    with pytest.raises(ValueError) as caught:
        method(target="flow")
    names(str(caught.value), "flow_x", "TARGET.NAME", "embedding")


@pytest.mark.parametrize(("key", "value"), [("kappa", 1.0), ("density", 0.0), ("copies", 0), ("noise", 1.0)])
def test_settings_out_of_range_are_named(key, value):
    with pytest.raises(ValueError) as caught:
        method(**{key: value})
    names(str(caught.value), key.upper(), value)
