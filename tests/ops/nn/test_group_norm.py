import pytest
import torch
from torch.nn import functional as F

from nucleizoo.ops.nn.group_norm import group_norm
from nucleizoo.ops.nn.layout import channels_last, spread

EPS = 1e-5


def both(x, groups, weight, bias):
    """The output and the three gradients, ours and the library's."""
    torch.manual_seed(1)
    grad = torch.randn_like(x)
    for norm in (group_norm, F.group_norm):
        leaves = [one.detach().clone().requires_grad_() for one in (x, weight, bias)]
        y = norm(leaves[0], groups, *leaves[1:], EPS)
        yield [y, *torch.autograd.grad(y, leaves, grad)]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("channels", "groups"), [(8, 4), (24, 8), (5, 1), (6, 6)])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_result_and_gradients_are_those_of_the_library(dims, channels, groups, offset):
    torch.manual_seed(0)
    x = torch.randn(3, channels, *(5, 7, 6)[3 - dims :], dtype=torch.float64) + offset
    x = x.contiguous(memory_format=channels_last(dims))
    weight, bias = torch.randn(2, channels, dtype=torch.float64)
    for ours, theirs in zip(*both(x, groups, weight, bias), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
        assert ours.stride() == theirs.stride()


def test_the_layout_of_the_gradient_does_not_matter():
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    y = group_norm(x, 2, torch.ones(4).double(), torch.zeros(4).double(), EPS)
    grad = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    (one,) = torch.autograd.grad(y, x, grad, retain_graph=True)
    (other,) = torch.autograd.grad(y, x, grad.contiguous(memory_format=torch.channels_last))
    assert torch.equal(one, other)


def test_derivatives_are_those_of_finite_differences():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 2, 3, 3, dtype=torch.float64).contiguous(memory_format=torch.channels_last_3d)
    weight, bias = torch.randn(2, 4, dtype=torch.float64).unbind()
    inputs = [one.requires_grad_() for one in (x, weight.clone(), bias.clone())]
    assert torch.autograd.gradcheck(lambda x, weight, bias: group_norm(x, 2, weight, bias, EPS), inputs)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_values_of_channels_are_spread_to_all_places(shape):
    x = torch.randn(shape).contiguous(memory_format=channels_last(len(shape) - 2))
    values = torch.randn(2, 3)
    assert torch.equal(x * spread(values, x), x * values.reshape(2, 3, *(1,) * (len(shape) - 2)))
