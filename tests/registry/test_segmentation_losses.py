"""Segmentation losses against hand-made numbers."""

import math

import pytest
import torch

from nucleizoo import MAP_LOSSES, Channel
from nucleizoo.core.plugins import load_plugins

load_plugins()


class Two:
    """A target of a map in [0, 1] and one in [-1, 1]."""

    channels = (Channel("binary", "sigmoid"), Channel("distance", "tanh"))


class One:
    channels = (Channel("binary", "sigmoid"),)


def crop(*truth):
    return torch.tensor(truth).reshape(1, 1, 1, -1)


def test_the_rarer_class_weighs_as_much_as_the_other():
    """One voxel in four: its weight is three; at logits 0 every term is log 2."""
    loss = MAP_LOSSES.recipe("by_channel", dice=0.0)()
    truth = crop(1.0, 0.0, 0.0, 0.0)
    assert loss(torch.zeros_like(truth), truth, One()) == pytest.approx(math.log(2) * (3 + 3) / 4)


def test_weights_stop_growing_at_one_in_twenty():
    loss = MAP_LOSSES.recipe("by_channel", dice=0.0)()
    truth = crop(1.0, *[0.0] * 99)
    assert loss(torch.zeros_like(truth), truth, One()) == pytest.approx(math.log(2) * (19 + 99) / 100)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_crop_of_one_class_counts_every_voxel_once(value):
    loss = MAP_LOSSES.recipe("by_channel", dice=0.0)()
    truth = crop(*[value] * 8)
    assert loss(torch.zeros_like(truth), truth, One()) == pytest.approx(math.log(2))


def test_crops_are_balanced_one_by_one():
    loss = MAP_LOSSES.recipe("by_channel", dice=0.0)()
    truth = torch.cat([crop(1.0, 0.0, 0.0, 0.0), crop(0.0, 0.0, 0.0, 0.0)])
    assert loss(torch.zeros_like(truth), truth, One()) == pytest.approx(math.log(2) * (6 / 4 + 1) / 2)


def test_dice_is_smoothed_by_a_hundred_voxels():
    loss = MAP_LOSSES.recipe("by_channel", bce=0.0, dice=1.0)()
    truth = crop(1.0, 1.0, 0.0, 0.0)  # probabilities of a half: 1 voxel in common, sums 2 and 2
    assert loss(torch.zeros_like(truth), truth, One()) == pytest.approx(1 - (2 + 100) / (2 + 2 + 100))


def test_distances_are_compared_after_tanh_and_weigh_five():
    loss = MAP_LOSSES.recipe("by_channel", bce=0.0, dice=0.0)()
    logits = torch.zeros(1, 2, 1, 4)
    logits[:, 1] = 0.3
    truth = torch.zeros(1, 2, 1, 4)
    truth[:, 1] = -1.0
    assert loss(logits, truth, Two()) == pytest.approx(5 * (math.tanh(0.3) + 1) ** 2)


def test_without_balance_every_voxel_weighs_the_same():
    loss = MAP_LOSSES.recipe("by_channel", dice=0.0, balance=False)()
    truth = crop(1.0, 0.0, 0.0, 0.0)
    logits = torch.full_like(truth, math.log(0.25 / 0.75))  # a probability of a quarter
    told = (math.log(4) + 3 * math.log(4 / 3)) / 4
    assert loss(logits, truth, One()) == pytest.approx(told)


def test_deepsynths_dice_has_squares_below():
    loss = MAP_LOSSES.recipe("deepsynth")()
    truth = crop(1.0, 1.0, 0.0, 0.0)  # probabilities of a half: 1 in common, squares 4 / 4 and 2
    told = 10 * math.log(2) + 1 - 2 * 1 / (4 * 0.25 + 2)
    assert loss(torch.zeros_like(truth), truth, One()) == pytest.approx(told)
    assert loss((2 * truth - 1) * 100, truth, One()) == pytest.approx(0, abs=1e-6)


def test_deepsynths_dice_is_one_per_crop_and_finite_without_nuclei():
    loss = MAP_LOSSES.recipe("deepsynth", bce=0.0)()
    logits = torch.cat([crop(60.0, 60.0, -60.0, -60.0), crop(*[-200.0] * 4)]).requires_grad_()
    truth = torch.cat([crop(1.0, 1.0, 0.0, 0.0), crop(*[0.0] * 4)])
    made = loss(logits, truth, One())
    made.backward()
    assert made.item() == pytest.approx((0 + 1) / 2) and torch.isfinite(logits.grad).all()


def test_a_perfect_prediction_costs_nothing():
    truth = torch.zeros(2, 2, 4, 4)
    truth[:, 0, :2], truth[:, 1] = 1.0, 0.5
    logits = torch.stack([(truth[:, 0] * 2 - 1) * 50, torch.full((2, 4, 4), math.atanh(0.5))], dim=1)
    assert MAP_LOSSES.recipe("by_channel")()(logits, truth, Two()) < 1e-6
