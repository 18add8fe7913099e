"""Statistics that are watched, pooled and given: arithmetic, and tiles against the whole picture."""

import pytest
import torch

from nucleizoo import GENERATORS
from nucleizoo.core.plugins import load_plugins
from nucleizoo.ops.nn.adain import adain, instance_norm
from nucleizoo.ops.nn.norm_statistics import Moments, Statistics, moments, watched

load_plugins()
PARTS = [slice(0, 8), slice(8, 12), slice(12, 24)]


def picture(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 2 + 5


def seen_by(layer, *pictures):
    seen = Statistics()
    for one in pictures:
        with torch.no_grad(), watched(into=seen):
            layer(one)
    return seen


def norms():
    """Every layer that takes statistics over space, (B, 8, *S) -> the same."""
    from nucleizoo.registry.generators.unet import Excite
    from nucleizoo.registry.generators.unet import norm as group_norm

    torch.manual_seed(0)
    norm, excite = group_norm(8), Excite(8)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    scale, shift = torch.randn(2, 1, 8)
    return {
        "instance": lambda x: instance_norm(x, slope=0.2),
        "adaptive": lambda x: adain(x, scale.expand(len(x), -1), shift.expand(len(x), -1), slope=0.0),
        "group": norm,
        "excite": excite,
    }


def test_moments_pooled_over_parts_are_those_of_the_whole():
    x = picture(2, 3, 24, 10)
    whole = Moments.of(x)
    torch.testing.assert_close(whole.mean, x.double().mean((0, 2, 3)), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(whole.variance, x.double().var((0, 2, 3), correction=0), atol=1e-5, rtol=1e-5)
    pooled = Moments.of(x[:, :, PARTS[0]])
    for part in PARTS[1:]:
        pooled = pooled.pooled(Moments.of(x[:, :, part]))
    assert pooled.count == whole.count == 2 * 24 * 10
    torch.testing.assert_close(pooled.mean, whole.mean, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(pooled.variance, whole.variance, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["instance", "adaptive", "group", "excite"])
@pytest.mark.parametrize("shape", [(1, 8, 24, 10), (1, 8, 24, 4, 5)])
def test_every_norm_gives_parts_what_it_gives_the_whole_with_the_statistics_of_the_whole(kind, shape):
    layer, x = norms()[kind], picture(*shape)
    with torch.no_grad():
        whole, seen = layer(x), seen_by(layer, *(x[:, :, part] for part in PARTS))
        assert len(seen.layers) == 1
        for part in PARTS:
            with watched(given=seen):
                torch.testing.assert_close(layer(x[:, :, part]), whole[:, :, part], atol=2e-5, rtol=1e-5)
            assert not torch.allclose(layer(x[:, :, part]), whole[:, :, part], atol=1e-3)


@pytest.mark.parametrize("kind", ["instance", "adaptive", "group", "excite"])
def test_watching_changes_nothing(kind):
    layer, x = norms()[kind], picture(2, 8, 6, 7)
    with torch.no_grad(), watched(into=Statistics()):
        seen = layer(x)
    torch.testing.assert_close(seen, layer(x), atol=1e-5, rtol=1e-5)


def test_given_statistics_hold_for_bfloat16_with_a_large_mean():
    x = (picture(1, 4, 16, 16) + 40).bfloat16()
    given = seen_by(instance_norm, x)
    with watched(given=given):
        y = instance_norm(x)
    torch.testing.assert_close(y.double(), instance_norm(x.double()), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", ["resnet", "unet"])
def test_tiles_away_from_borders_equal_the_whole_picture_with_its_statistics(name):
    torch.manual_seed(0)
    keys = {"plus": False, "blocks": 2} if name == "unet" else {"blocks": 1}
    network, x = (
        GENERATORS.get(name)(1, 2, 2, width=4, **keys).eval(),
        picture(1, 1, 161, 41),
    )  # sizes that no stride cuts unevenly
    with torch.no_grad():
        whole, given = network(x), seen_by(network, x)
        with watched(given=given):
            tile = network(x[:, :, 32:129])
    inner = slice(32, 64)  # of the tile; far enough from its borders for what this network sees
    torch.testing.assert_close(tile[:, :, inner], whole[:, :, 64:96], atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        assert not torch.allclose(network(x[:, :, 32:129])[:, :, inner], whole[:, :, 64:96], atol=1e-3)


def test_statistics_come_back_from_tensors_as_they_were():
    seen = seen_by(lambda x: instance_norm(instance_norm(x, slope=0.0)), picture(1, 3, 5, 5))
    again = Statistics.from_tensors(seen.tensors())
    assert [one.count for one in again.layers] == [25, 25]
    for one, other in zip(seen.layers, again.layers, strict=True):
        assert torch.equal(one.mean, other.mean) and torch.equal(one.variance, other.variance)


def test_outside_of_watching_layers_are_told_their_own():
    x = picture(2, 3, 4, 5)
    mean, variance = moments(x)
    torch.testing.assert_close(mean, x.mean((2, 3)))
    torch.testing.assert_close(variance, x.var((2, 3), correction=0))
