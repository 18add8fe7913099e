"""The weights of overlapping windows: predictions in the middle of a window have more context."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

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


@BLENDINGS.register("middle")
class Middle(Blending):
    """Only the middle of a window is kept, as by DeepSynth's code: its rim lacks context [1].

    With the default, and INFERENCE.OVERLAP 0.5, middles lie side by side. A larger share or overlap averages
    them where they overlap; a smaller one leaves gaps, which the rims of windows fill.

    Args:
        keep: share of a window that is kept, along every axis (code: 0.5, 32 of 64 voxels).

    Raises:
        ValueError: when it is not above 0 and at most 1.

    Differs: [1] mirrors the volume at its border by a quarter of a window, so that middles cover it; here the
    rim of the outermost windows is kept there, which needs no invented voxels.

    References:
        [1] DeepSynth package at 3950032 of its mirror (CC BY-NC-SA), read for facts.
    """

    def __init__(self, *, keep: float = 0.5) -> None:
        if not 0 < keep <= 1:
            raise ValueError(f"KEEP must be a share of the window, above 0 and at most 1, got {keep}")
        self.keep = keep

    def terms(self) -> Terms:
        """One term, 1 in the middle and next to nothing in the rim."""
        return ((1.0, partial(plateau, share=self.keep)),)


RIM = 1e-6
"""Weight of the rim of a window along an axis: it counts only where no window has its middle."""


def plateau(length: int, *, share: float) -> Tensor:
    """1 in the middle `share` of a length, `RIM` outside."""
    from_middle = (torch.arange(length) - (length - 1) / 2).abs()
    return torch.where(from_middle < max(share * length, 1) / 2, 1.0, RIM)
