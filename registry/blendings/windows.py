"""The weights of overlapping windows: predictions in the middle of a window have more context."""

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
        """One triangular term."""
        return LINEAR


@BLENDINGS.register("gaussian")
class Gaussian(Blending):
    """A Gaussian around the middle of a window, as in nnU-Net and MONAI.

    Args:
        sigma: standard deviation, as a share of the window's length (nnU-Net and MONAI: 0.125).

    Raises:
        ValueError: when it is so small that the rim of a window would have no weight.
    """

    def __init__(self, *, sigma: float = 0.125) -> None:
        if sigma < 0.05:
            raise ValueError(f"SIGMA must be a share of the window, 0.05 or more, got {sigma}")
        self.sigma = sigma

    def terms(self) -> Terms:
        """One Gaussian term."""
        return ((1.0, partial(bell, width=self.sigma)),)


@BLENDINGS.register("cysgan")
class CySGAN(Blending):
    """The blending of CySGAN's code: a narrow Gaussian plus a small constant [1].

    The code uses 1e-4 + exp(-r^2 / (2 * 0.2^2)), where r is the distance from the middle, 1 at the centre of
    the outermost voxels; here r is 1 at their outer face, half a voxel further out.

    References:
        [1] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for facts.
    """

    def terms(self) -> Terms:
        """A Gaussian term and a constant."""
        return ((1.0, partial(bell, width=0.1)), (1e-4, torch.ones))
