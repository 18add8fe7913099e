"""Supervised losses: how far a network's logits are from the true maps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nucleizoo.contracts import Loss, Target
from nucleizoo.kinds import MAP_LOSSES

RAREST = 0.05
"""Share of the rarer class below which its weight does not grow further: 19 at most."""

DICE_SMOOTH = 100.0
"""Voxels added to numerator and denominator of Dice, so that it is stable for empty crops."""


@MAP_LOSSES.register("by_channel")
class ByChannel(Loss):
    """Class-balanced cross entropy and Dice for maps in [0, 1], squared error for maps in [-1, 1].

    Args:
        bce: weight of the cross entropy; the rarer class is weighted up by how much rarer it is, per crop
            and channel, at most 19 times (code: 1).
        dice: weight of the soft Dice loss (code: 0.5; the paper's equation 4 has none: 0).
        mse: weight of the squared error of distance maps (code: 5; paper: 1).
        balance: whether the cross entropy is balanced; if not, maps are probabilities, and contours not
            wider than they are (paper: False).

    Raises:
        ValueError: for a negative weight.

    Differs: the paper's equation 4 weights all terms equally, has no Dice and does not balance classes; the
    defaults are those of the code.

    References:
        [1] Lauenburg et al., CySGAN, 2022, equation 4.
        [2] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for weights,
            balance and smoothing.
    """

    def __init__(
        self, *, bce: float = 1.0, dice: float = 0.5, mse: float = 5.0, balance: bool = True, **settings: Any
    ) -> None:
        super().__init__(**settings)
        if min(bce, dice, mse) < 0:
            raise ValueError(f"BCE, DICE and MSE must not be negative, got {bce}, {dice} and {mse}")
        self.bce, self.dice, self.mse = bce, dice, mse
        self.cross_entropy = balanced_bce if balance else F.binary_cross_entropy_with_logits

    def forward(self, logits: Tensor, maps: Tensor, target: Target) -> Tensor:
        """Logits and true maps, both (B, C, *S), the maps in the target's ranges -> a scalar."""
        exact = torch.promote_types(logits.dtype, torch.float32)  # not bfloat16
        logits, maps = logits.to(exact), maps.to(exact)
        total = logits.new_zeros(())
        for i, channel in enumerate(target.channels):
            guess, truth = logits[:, i].flatten(1), maps[:, i].flatten(1)
            if channel.activation == "tanh":
                total = total + self.mse * F.mse_loss(guess.tanh(), truth)
            else:
                total = (
                    total + self.bce * self.cross_entropy(guess, truth) + self.dice * soft_dice(guess, truth)
                )
        return total


def balanced_bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy with the rarer class weighted up by the ratio of classes: (B, N), truth in [0, 1].

    In a crop of one class, every voxel has weight 1.
    """
    share = (truth > 0.5).to(truth.dtype).mean(1, keepdim=True)
    both = (share > 0) & (share < 1)
    share = share.clamp(RAREST, 1 - RAREST)
    gain = torch.where(both, torch.maximum(share, 1 - share) / torch.minimum(share, 1 - share), 1.0)
    rare = (truth > 0.5) == (share < 0.5)
    return F.binary_cross_entropy_with_logits(logits, truth, torch.where(rare, gain, 1.0))


def soft_dice(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus Dice of probabilities, (B, N), averaged over crops."""
    chance = logits.sigmoid()
    common = (chance * truth).sum(1)
    return (1 - (2 * common + DICE_SMOOTH) / (chance.sum(1) + truth.sum(1) + DICE_SMOOTH)).mean()


@MAP_LOSSES.register("deepsynth")
class DeepSynthLoss(Loss):
    """Cross entropy and Dice with squares in its denominator, for maps in [0, 1].

    Args:
        bce: weight of the cross entropy (code: 10).
        dice: weight of the Dice loss (code: 1).

    Raises:
        ValueError: for a negative weight.

    Differs: [1] adds minus Dice; here it is one minus Dice, so that a perfect prediction costs nothing.

    References:
        [1] DeepSynth package at 3950032 of its mirror (CC BY-NC-SA), read for facts: weights, denominator.
    """

    def __init__(self, *, bce: float = 10.0, dice: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        if min(bce, dice) < 0:
            raise ValueError(f"BCE and DICE must not be negative, got {bce} and {dice}")
        self.bce, self.dice = bce, dice

    def forward(self, logits: Tensor, maps: Tensor, target: Target) -> Tensor:
        """Logits and true maps, both (B, C, *S), the maps in [0, 1] -> a scalar."""
        logits, maps = logits.float(), maps.float()
        entropy = F.binary_cross_entropy_with_logits(logits, maps)
        dice = squared_dice(logits.sigmoid().flatten(2), maps.flatten(2)).mean()
        return self.bce * entropy + self.dice * (1 - dice)


def squared_dice(chance: Tensor, truth: Tensor) -> Tensor:
    """Dice of probabilities (..., N), with the sums of their squares below; 0 where there is no nucleus."""
    below = (chance**2).sum(-1) + (truth**2).sum(-1)
    return 2 * (chance * truth).sum(-1) / below.clamp(min=torch.finfo(below.dtype).tiny)
