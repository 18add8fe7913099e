"""Nuclei as one grey picture of background, rim and core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts import Channel, Target
from nucleizoo.kinds import TARGETS
from nucleizoo.ops.labels.edges import rims

RIM = 0.5
"""Grey level of the rim; the reference code writes 127 of 255."""


@TARGETS.register("ternary")
class Ternary(Target):
    """One map, 'ternary': background 0, rim 0.5, core 1; one core per nucleus separates touching ones.

    The rim is the voxels whose depth is less than a share of the nucleus's greatest depth, so it scales with
    the nucleus. The array's border is not an edge: a cut nucleus keeps its core there.

    Args:
        rim: depth of the rim, as a share of the nucleus's greatest depth, in (0, 1); AD-GAN: 0.5.

    Raises:
        ValueError: for a `rim` outside (0, 1).

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021: the instance variant, AD-GAN-INS.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts: the shares and grays, absent from [1].
    """

    channels = (Channel("ternary", "sigmoid"),)

    def __init__(self, *, rim: float = 0.5) -> None:
        if not 0 < rim < 1:
            raise ValueError(f"RIM must be between 0 and 1, got {rim}")
        self.rim = rim

    def encode(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S), 0 = background -> map (1, *S) of 0, 0.5 and 1.

        Raises:
            ValueError: when `spacing` does not match the axes.
        """
        maps = (labels > 0).astype(np.float32)
        maps[rims(labels, self.rim, spacing)] = RIM
        return maps[None]

    def likelihood(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map (1, *S) -> the probability of nucleus, (*S) in [0, 1]: rim and core are both nucleus."""
        likely: NDArray[np.float32] = np.minimum(maps[0] / np.float32(RIM), 1)
        return likely

    def as_image(self, maps: Tensor) -> Tensor:
        """Map (B, 1, *S) in [0, 1] -> picture in [-1, 1]: background -1, rim 0, core 1."""
        return 2 * maps - 1

    def from_image(self, picture: Tensor) -> Tensor:
        """Picture (B, 1, *S) in [-1, 1] -> map in [0, 1]."""
        return (picture + 1) / 2
