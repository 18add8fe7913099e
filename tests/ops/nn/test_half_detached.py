import pytest
import torch

from nucleizoo.ops.nn.half_detached import half_detached


@pytest.fixture
def parts():
    """A network of two outputs with a shared trunk, an input made by a parameter, and weights of both."""
    torch.manual_seed(0)
    trunk = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Tanh(), torch.nn.Conv2d(4, 3, 3)).double()
    maker = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    return trunk, maker, torch.randn(2, 3, 4, 4, dtype=torch.float64)


def halves(trunk):
    return lambda x: torch.split(trunk(x), [1, 2], dim=1)


def two_passes(trunk, x):
    return halves(trunk)(x)[0], halves(trunk)(x.detach())[1]


def gradients(outputs, weights, inputs, **settings):
    total = sum((y * w).square().sum() for y, w in zip(outputs, weights.split([1, 2], dim=1), strict=True))
    return torch.autograd.grad(total, inputs, **settings)


def test_one_pass_gives_values_and_gradients_of_two(parts):
    trunk, maker, weights = parts
    ours = half_detached(halves(trunk), maker.sin(), trunk.parameters())
    theirs = two_passes(trunk, maker.sin())
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    inputs = [maker, *trunk.parameters()]
    for got, wanted in zip(gradients(ours, weights, inputs), gradients(theirs, weights, inputs), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_the_network_runs_once(parts):
    trunk, maker, _ = parts
    seen = []
    trunk.register_forward_hook(lambda *_: seen.append(1))
    half_detached(halves(trunk), maker.sin(), trunk.parameters())
    assert len(seen) == 1


def test_the_second_output_alone_gives_the_input_nothing(parts):
    trunk, maker, _ = parts
    _, detached = half_detached(halves(trunk), maker.sin(), trunk.parameters())
    to_input, *to_weights = torch.autograd.grad(
        detached.sum(), [maker, *trunk.parameters()], allow_unused=True
    )
    assert to_input is None and all(grad is not None for grad in to_weights)


def test_the_first_output_alone_gives_both_their_gradient(parts):
    trunk, maker, _ = parts
    inputs = [maker, *trunk.parameters()]
    attached, _ = half_detached(halves(trunk), maker.sin(), trunk.parameters())
    got = torch.autograd.grad(attached.sum(), inputs)
    for one, wanted in zip(got, torch.autograd.grad(trunk(maker.sin())[:, :1].sum(), inputs), strict=True):
        torch.testing.assert_close(one, wanted, rtol=1e-12, atol=1e-12)


def test_parameters_that_are_frozen_get_nothing(parts):
    trunk, maker, weights = parts
    trunk.requires_grad_(False)
    ours = half_detached(halves(trunk), maker.sin(), trunk.parameters())
    theirs = two_passes(trunk, maker.sin())[0], ours[1].detach()
    (got,), (wanted,) = gradients(ours, weights, [maker]), gradients(theirs, weights, [maker])
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_a_kept_graph_is_gone_through_again_and_another_is_not(parts):
    trunk, maker, weights = parts
    outputs = half_detached(halves(trunk), maker.sin(), trunk.parameters())
    first = gradients(outputs, weights, [maker], retain_graph=True)
    assert torch.equal(first[0], gradients(outputs, weights, [maker])[0])
    with pytest.raises(RuntimeError, match="second time"):
        gradients(outputs, weights, [maker])


def test_the_graph_within_is_freed_with_the_one_around_it(parts):
    """What stays alive of a step, as a translation in the log does, must not keep features alive."""
    trunk, maker, weights = parts
    freed = []

    def network(x):
        features = trunk[0](x)
        kept = Kept.apply(features, freed)
        return torch.split(trunk[2](trunk[1](kept)), [1, 2], dim=1)

    outputs = half_detached(network, maker.sin(), trunk.parameters())
    assert not freed
    gradients(outputs, weights, [maker])
    assert freed == ["freed"]


class Kept(torch.autograd.Function):
    """The identity, whose node says when it is freed."""

    @staticmethod
    def forward(ctx, x, freed):
        ctx.mark = Mark(freed)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class Mark:
    def __init__(self, freed):
        self.freed = freed

    def __del__(self):
        self.freed.append("freed")


@pytest.mark.parametrize("wanted", [True, False])
def test_without_anything_to_learn_it_is_a_plain_pass(parts, wanted):
    trunk, maker, _ = parts
    x = maker.detach() if wanted else maker
    with torch.set_grad_enabled(wanted):
        attached, detached = half_detached(halves(trunk), x, trunk.parameters())
    assert attached.requires_grad == detached.requires_grad == wanted
    assert torch.equal(attached, trunk(x)[:, :1])
