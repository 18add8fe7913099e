import itertools

import numpy as np
import pytest
import torch

from nucleizoo import BLENDINGS
from nucleizoo.ops.nn.blending import WindowWeights
from nucleizoo.ops.nn.sliding_window import slide, starts


def terms(name):
    return BLENDINGS.recipe(name)().terms()


def weights(name, window):
    return WindowWeights(terms(name), window, [[0]] * len(window), window).weights.numpy()


def test_a_tent_is_symmetric_positive_and_one_in_the_middle():
    weight = weights("linear", (5, 4))
    np.testing.assert_allclose(weight[:, 1], np.array([1, 2, 3, 2, 1]) / 3)
    np.testing.assert_allclose(weight[2], np.array([1, 2, 2, 1]) / 2)
    assert weight.shape == (5, 4) and weight.min() == pytest.approx(1 / 6)


def test_the_gaussian_is_that_of_monai():
    inferers = pytest.importorskip("monai.data.utils")
    theirs = inferers.compute_importance_map((9, 16, 17), mode="gaussian", sigma_scale=0.125)
    np.testing.assert_allclose(weights("gaussian", (9, 16, 17)), theirs, rtol=2e-3, atol=1e-3)


def test_the_centre_has_the_weights_of_the_papers_code():
    z, y, x = np.meshgrid(*(np.linspace(-1 + 1 / n, 1 - 1 / n, n) for n in (7, 9, 10)), indexing="ij")
    expected = 1e-4 + np.exp(-(z**2 + y**2 + x**2) / (2 * 0.2**2))
    np.testing.assert_allclose(weights("cysgan", (7, 9, 10)), expected, rtol=1e-5)


def kept(shape, window, keep=0.5):
    """Which of the windows along one axis is kept: (shape,) of its start; windows say where they begin."""
    blending = BLENDINGS.recipe("middle", keep=keep)().terms()
    begins = iter(starts(shape, window, 0.5))
    said = slide(
        lambda tile: torch.full_like(tile, next(begins)), torch.zeros(1, 1, shape), (window,), 0.5, blending
    )
    return said.flatten().tolist()


def test_the_middle_of_every_window_is_kept_and_the_rim_at_the_border():
    # windows 0-7, 4-11, 8-15: middles 2-5, 6-9, 10-13
    assert kept(16, 8) == pytest.approx([0] * 6 + [4] * 4 + [8] * 6, abs=1e-4)


def test_middles_that_overlap_are_averaged_and_gaps_are_filled():
    # with three quarters kept: middles 1-6, 5-10
    assert kept(12, 8, keep=0.75) == pytest.approx([0] * 5 + [2] * 2 + [4] * 5, abs=1e-4)
    # with a quarter: middles 3-4 and 7-8, between them the rims of both
    assert kept(12, 8, keep=0.25) == pytest.approx([0] * 5 + [2] * 2 + [4] * 5, abs=1e-4)
    with pytest.raises(ValueError, match="KEEP must be a share"):
        BLENDINGS.recipe("middle", keep=0.0)()


@pytest.mark.parametrize("name", BLENDINGS.names())
@pytest.mark.parametrize(("shape", "window"), [((20, 31), (8, 8)), ((9, 20, 17), (4, 8, 8))])
def test_sums_are_divided_by_the_weights_of_all_windows_there(name, shape, window):
    begins = [starts(n, w, 0.5) for n, w in zip(shape, window, strict=True)]
    made = WindowWeights(terms(name), window, begins, shape)
    total = torch.zeros(shape)
    for corner in itertools.product(*begins):
        total[tuple(slice(c, c + w) for c, w in zip(corner, window, strict=True))] += made.weights
    box = tuple(slice(n // 4, n - 2) for n in shape)
    rest = made.divide(torch.stack([total, 3 * total])[(slice(None), *box)].clone(), box)
    torch.testing.assert_close(
        rest, torch.ones_like(rest) * torch.tensor([1.0, 3.0]).reshape(2, *[1] * len(shape))
    )
