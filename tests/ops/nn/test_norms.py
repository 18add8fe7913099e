"""Norms that ask for statistics, norms that do not, and gradients of gradients."""

import pytest
import torch
from torch import nn

from nucleizoo.checks.networks import called, roles_of
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import KINDS
from nucleizoo.ops.nn.adain import adain, instance_norm
from nucleizoo.ops.nn.group_norm import group_norm
from nucleizoo.ops.nn.layout import channels_last
from nucleizoo.ops.nn.norm_statistics import Statistics, watched
from nucleizoo.ops.nn.norms import GroupNorm, InstanceNorm, LayerNorm, plain_norms


def values(*shape):
    made = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return made.requires_grad_()


@pytest.mark.parametrize("slope", [1.0, 0.2])
def test_adain_can_be_differentiated_twice(slope):
    x, scale, shift = values(2, 3, 5, 4), values(2, 3), values(2, 3)
    torch.autograd.gradgradcheck(lambda *given: adain(*given, slope=slope), (x, scale, shift))
    torch.autograd.gradgradcheck(lambda given: instance_norm(given, slope=slope), (x,))


def test_group_norm_can_be_differentiated_twice_in_channels_last():
    x = values(2, 4, 5, 3).detach().contiguous(memory_format=channels_last(2)).requires_grad_()
    given = (x, values(4), values(4))
    torch.autograd.gradgradcheck(lambda x, weight, bias: group_norm(x, 2, weight, bias, 1e-5), given)


@pytest.mark.parametrize("norm", [GroupNorm(2, 4), LayerNorm(4), InstanceNorm(slope=0.2)], ids=type)
def test_a_norm_gives_what_torch_gives_and_the_same_again_when_told_its_own_statistics(norm):
    norm, x = norm.double(), values(1, 4, 6, 5).detach()
    plain = {
        GroupNorm: nn.GroupNorm(2, 4), LayerNorm: nn.GroupNorm(1, 4),
        InstanceNorm: nn.Sequential(nn.InstanceNorm2d(4), nn.LeakyReLU(0.2)),
    }[type(norm)].double()  # fmt: skip
    torch.testing.assert_close(norm(x), plain(x))
    seen = Statistics()
    with torch.no_grad(), watched(into=seen):
        norm(x)
    assert len(seen.layers) == 1
    with torch.no_grad(), watched(given=seen):
        torch.testing.assert_close(norm(x), plain(x).detach())
    with torch.no_grad(), watched(given=seen):
        tile = norm(x[..., :3])  # of a part of the picture, with the statistics of the whole
    torch.testing.assert_close(tile, plain(x).detach()[..., :3])


def test_norms_that_do_not_ask_are_found():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4), GroupNorm(2, 4), nn.BatchNorm2d(4), nn.GroupNorm(2, 4),
        nn.LayerNorm((4, 8, 8)), nn.LayerNorm(8),
    )  # fmt: skip
    assert plain_norms(network) == ["1", "4", "5"]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("kind", "name", "role"), [
    (kind, name, role) for kind in ("GENERATORS", "DISCRIMINATORS") for name in KINDS[kind].names()
    for role in roles_of(KINDS[kind], name)
])  # fmt: skip
def test_every_network_asks_for_statistics_and_can_be_differentiated_twice(kind, name, role, dims):
    registry = KINDS[kind]
    small = {"width": 4, "blocks": 2}
    settings = {key: value for key, value in small.items() if key in registry.schema(name)}
    network = Recipe(registry, name, settings)(*((1, 1, dims) if kind == "GENERATORS" else (1, dims)))
    assert plain_norms(network) == []
    depth = 8 if kind == "GENERATORS" else 32
    picture = values(2, 1, *(depth, 32, 32)[-dims:]).detach().float().tanh().requires_grad_()
    made = called(network, role, picture)
    (slope,) = torch.autograd.grad(made.sum(), picture, create_graph=True)
    slope.square().sum().backward()
    grads = [p.grad for p in network.parameters() if p.grad is not None]
    assert grads and all(torch.isfinite(grad).all() for grad in grads)
    assert any(grad.abs().sum() > 0 for grad in grads)
