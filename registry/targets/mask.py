"""Nuclei as one map of foreground and background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts import Channel, Target
from nucleizoo.kinds import TARGETS


@TARGETS.register("mask")
class Mask(Target):
    """One map, 'mask': the probability of nucleus, 0 or 1 in true maps; touching nuclei merge.

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021: the semantic variant, whose mask domain this is.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts: option `no_inst`.
    """

    channels = (Channel("mask", "sigmoid"),)

    def encode(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S), 0 = background -> map (1, *S) of 0 and 1; `spacing` is not used."""
        return (labels > 0).astype(np.float32)[None]

    def as_image(self, maps: Tensor) -> Tensor:
        """Map (B, 1, *S) in [0, 1] -> picture in [-1, 1]: background -1, nucleus 1."""
        return 2 * maps - 1

    def from_image(self, picture: Tensor) -> Tensor:
        """Picture (B, 1, *S) in [-1, 1] -> map in [0, 1]."""
        return (picture + 1) / 2
