import pytest
import torch
from torch.nn import functional as F

from nucleizoo.ops.nn.edge_conv import repeat_edges
from nucleizoo.ops.nn.layers import CONV, EDGE_CONV
from nucleizoo.ops.nn.layout import channels_last

WIDTHS = [(1, 1), (2, 0), (0, 0), (3, 2), (0, 1, 1), (1, 1, 1), (2, 0, 3)]


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(4, 5, 6), (1, 1, 2)])
@pytest.mark.parametrize("last", [True, False])
def test_padding_and_its_gradient_are_those_of_the_library(widths, channels, size, last):
    torch.manual_seed(0)
    x = torch.randn(2, channels, *size[3 - len(widths) :], dtype=torch.float64)
    if last:
        x = x.contiguous(memory_format=channels_last(len(widths)))
    x.requires_grad_()
    ours = repeat_edges(x, widths)
    theirs = F.pad(x, [w for w in reversed(widths) for _ in range(2)], mode="replicate")
    assert torch.equal(ours, theirs)
    grad = torch.randn_like(ours)
    before = grad.clone()
    got, wanted = (torch.autograd.grad(y, x, grad)[0] for y in (ours, theirs))
    torch.testing.assert_close(got, wanted, rtol=1e-13, atol=1e-13)
    assert torch.equal(grad, before)  # others may read it


@pytest.mark.parametrize(("dims", "kernel", "stride"), [(2, 3, 2), (3, (1, 5, 5), (1, 2, 2)), (3, 3, 1)])
def test_a_convolution_is_the_librarys(dims, kernel, stride):
    torch.manual_seed(0)
    padding = tuple(k // 2 for k in (kernel if isinstance(kernel, tuple) else (kernel,) * dims))
    ours, theirs = (
        of[dims](3, 4, kernel, stride, padding, padding_mode="replicate").double() for of in (EDGE_CONV, CONV)
    )
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, *(6, 7, 9)[3 - dims :], dtype=torch.float64)
    x = x.contiguous(memory_format=channels_last(dims)).requires_grad_()
    y, z = ours(x), theirs(x)
    torch.testing.assert_close(y, z, rtol=1e-13, atol=1e-13)
    got = torch.autograd.grad(y.square().sum(), [x, *ours.parameters()])
    wanted = torch.autograd.grad(z.square().sum(), [x, *theirs.parameters()])
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)
