import pytest
import torch

from nucleizoo.ops.nn.layers import CONV, conv
from nucleizoo.ops.nn.one_channel_conv import OneChannelConv2d, OneChannelConv3d


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels", [(1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("padding", ["reflect", "zeros"])
def test_result_and_gradients_are_those_of_the_librarys_convolution(dims, channels, padding):
    torch.manual_seed(0)
    ours = conv(dims, *channels, 5, padding=padding)
    assert isinstance(ours, (OneChannelConv2d, OneChannelConv3d))
    theirs = CONV[dims](*channels, 5, padding=2, padding_mode=padding)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, channels[0], *(7, 9, 8)[:dims])
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, z = ours(a), theirs(b)
    torch.testing.assert_close(y, z, atol=1e-5, rtol=1e-5)
    grad = torch.randn_like(y)
    got = torch.autograd.grad(y, [a, *ours.parameters()], grad)
    wanted = torch.autograd.grad(z, [b, *theirs.parameters()], grad)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_wide_convolutions_are_the_librarys_own():
    assert type(conv(2, 4, 4, 3)) is torch.nn.Conv2d
