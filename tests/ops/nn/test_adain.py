"""The fused node against the chain that it replaces."""

import pytest
import torch
from torch.nn import functional as F

from nucleizoo.ops.nn.adain import adain, instance_norm
from nucleizoo.ops.nn.layout import channels_last

SHAPES = [(3, 5, 8, 7), (2, 4, 3, 6, 5)]


def chain(x, scale, shift, slope):
    """Instance normalisation, scale, shift, activation, one library call each, in float64."""
    wide = (..., *(None,) * (x.ndim - 2))
    y = F.instance_norm(x) * scale[wide] + shift[wide]
    return F.leaky_relu(y, slope) if slope != 1 else y


def draw(shape, dtype=torch.float64, offset=0.0):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=g, dtype=torch.float64) * 2 + offset
    scale = torch.rand(shape[:2], generator=g, dtype=torch.float64) + 0.5
    shift = torch.randn(shape[:2], generator=g, dtype=torch.float64)
    grad = torch.randn(shape, generator=g, dtype=torch.float64)
    return [t.to(dtype) for t in (x, scale, shift, grad)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("last", [False, True])
def test_values_and_gradients_are_those_of_the_plain_chain(shape, slope, last):
    x, scale, shift, grad = draw(shape, torch.float32)
    if last:
        x = x.contiguous(memory_format=channels_last(x.ndim - 2))
    ours = [t.clone().requires_grad_() for t in (x, scale, shift)]
    theirs = [t.double().requires_grad_() for t in (x, scale, shift)]
    y, z = adain(*ours, slope=slope), chain(*theirs, slope)
    torch.testing.assert_close(y.double(), z, atol=2e-6, rtol=1e-5)
    for a, b in zip(
        torch.autograd.grad(y, ours, grad), torch.autograd.grad(z, theirs, grad.double()), strict=True
    ):
        torch.testing.assert_close(a.double(), b, atol=5e-6, rtol=1e-5)


def test_plain_instance_norm_is_the_librarys():
    x, _, _, grad = draw(SHAPES[0], torch.float32)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, z = instance_norm(a, slope=0.2), F.leaky_relu(F.instance_norm(b), 0.2)
    torch.testing.assert_close(y, z)
    torch.testing.assert_close(*(torch.autograd.grad(v, w, grad)[0] for v, w in ((y, a), (z, b))))


def test_a_large_mean_costs_no_precision_in_bfloat16():
    x, scale, shift, grad = draw((2, 4, 32, 32), torch.float32, offset=40.0)
    x = x.bfloat16()
    a = x.clone().requires_grad_()
    b = x.double().requires_grad_()
    y, z = adain(a, scale, shift), chain(b, scale.double(), shift.double(), 1.0)
    torch.testing.assert_close(y.double(), z, atol=0.02, rtol=0.02)
    dx, dz = torch.autograd.grad(y, a, grad.bfloat16())[0], torch.autograd.grad(z, b, grad.double())[0]
    assert (dx.double() - dz).norm() / dz.norm() < 0.02


@pytest.mark.parametrize("shape", SHAPES)
def test_the_memory_layout_is_kept_forwards_and_backwards(shape):
    layout = channels_last(len(shape) - 2)
    x, scale, shift, grad = draw(shape, torch.float32)
    x = x.contiguous(memory_format=layout).requires_grad_()
    y = adain(x, scale, shift, slope=0.0)
    assert y.is_contiguous(memory_format=layout)
    dx = torch.autograd.grad(y, x, grad.contiguous(memory_format=layout))[0]
    assert dx.is_contiguous(memory_format=layout)


def test_a_constant_channel_gives_the_shift_and_finite_gradients():
    x = torch.full((1, 1, 4, 4), 3.0, requires_grad=True)
    y = adain(x, torch.ones(1, 1), torch.full((1, 1), 0.5))
    assert torch.equal(y, torch.full_like(y, 0.5))
    assert torch.isfinite(torch.autograd.grad(y.sum(), x)[0]).all()
