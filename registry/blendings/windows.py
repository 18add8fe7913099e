"""The weights of overlapping windows: the middle of a window knows more than its rim."""

from __future__ import annotations

from functools import partial

import torch

from nucleizoo.contracts import Blending
from nucleizoo.kinds import BLENDINGS
from nucleizoo.ops.nn.blending import LINEAR, Terms, bell


@BLENDINGS.register("linear")
class Linear(Blending):
    """Falls linearly from the middle of a window to its rim."""

    def terms(self) -> Terms:
        """One triangle."""
        return LINEAR


@BLENDINGS.register("gaussian")
class Gaussian(Blending):
    """A normal curve around the middle of a window, as in nnU-Net and MONAI.

    Args:
        sigma: standard deviation, share of the window's length (nnU-Net and MONAI: 0.125).

    Raises:
        ValueError: for one that is not above 0, or so small that the rim of a window weighs nothing.
    """

    def __init__(self, *, sigma: float = 0.125) -> None:
        if sigma < 0.05:
            raise ValueError(f"SIGMA is a share of the window, 0.05 or more, got {sigma}")
        self.sigma = sigma

    def terms(self) -> Terms:
        """One bell."""
        return ((1.0, partial(bell, width=self.sigma)),)


@BLENDINGS.register("cysgan")
class CySGAN(Blending):
    """That of CySGAN's code: a narrow normal curve, and a little everywhere [1].

    There r is the distance from the middle, 1 at the rim: 1e-4 + exp(-r^2 / (2 * 0.2^2)); here it is of the
    window's voxels, whose rim is half a voxel further out.

    References:
        [1] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for facts.
    """

    def terms(self) -> Terms:
        """A bell and a constant."""
        return ((1.0, partial(bell, width=0.1)), (1e-4, torch.ones))
