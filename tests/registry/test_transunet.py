"""TransUNet: standardised kernels, attention, and the places of tokens."""

import math

import numpy as np
import pytest
import torch

from nucleizoo import GENERATORS
from nucleizoo.core.plugins import load_plugins

load_plugins()


def make(dims=2, **settings):
    torch.manual_seed(0)
    small = {"width": 4, "blocks": 1, "units": (1, 1, 1), "grid": 2, "dropout": 0.0}
    return GENERATORS.recipe("transunet", **small | settings)(1, 1, dims).eval()


def test_kernels_are_used_with_mean_0_and_variance_1():
    layer, x = make().stages[0][0].body[3], torch.rand(1, 4, 5, 5)
    kernel = layer.weight.detach().numpy()
    axes = {"axis": (1, 2, 3), "keepdims": True}
    wanted = torch.from_numpy((kernel - kernel.mean(**axes)) / np.sqrt(kernel.var(**axes) + 1e-5))
    torch.testing.assert_close(layer(x), torch.nn.functional.conv2d(x, wanted, padding=1))


def test_a_layer_is_pre_norm_attention_in_heads_and_an_mlp():
    """Vaswani et al., equation 1, by head, written out; each part is added to its input."""
    layer, x = make().layers[0], torch.randn(2, 5, 48)
    normed = layer.norms[0](x)
    query, key, value = layer.query_key_value(normed).chunk(3, dim=2)
    seen = []
    for head in range(12):
        part = slice(4 * head, 4 * head + 4)
        scores = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(4)
        seen.append(scores.softmax(2) @ value[..., part])
    attended = x + layer.out(torch.cat(seen, dim=2))
    wanted = attended + layer.mlp(layer.norms[1](attended))
    torch.testing.assert_close(layer(x), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
def test_places_are_interpolated_to_pictures_of_other_sizes(dims):
    net = make(dims)
    ramp = torch.tensor([0.0, 1.0]).expand(net.places.shape)
    net.places.data.copy_(ramp)
    assert net.places_for((2,) * dims) is net.places
    wide = net.places_for((2,) * (dims - 1) + (4,))
    torch.testing.assert_close(wide[(0,) * (dims + 1)], torch.tensor([0.0, 0.25, 0.75, 1.0]))


def test_a_width_too_small_for_the_last_stage_is_told():
    with pytest.raises(ValueError, match="WIDTH must be 4 or more"):
        make(width=2)
