"""Nuclei as maps of foreground, contours, and distance within each nucleus [1, 2, 3].

[1] Wei et al., MitoEM dataset, 2020: foreground and contour, U3D-BC.
[2] Lin et al., NucMM dataset, 2021: with the distance, U3D-BCD; Lauenburg et al., Instance segmentation of
    unlabeled modalities via cyclic segmentation GAN, 2022: the same in CySGAN.
[3] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for widths, padding, small
    holes, the voxel's depth and the background of the distance, which the papers do not give.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts import Channel, Target
from nucleizoo.kinds import TARGETS
from nucleizoo.ops.labels.components import fill_pockets, parts
from nucleizoo.ops.labels.distance import relative_distance
from nucleizoo.ops.labels.edges import contours


@TARGETS.register("bc")
class BC(Target):
    """Two maps: 'binary', 1 in nuclei, and 'contour', 1 in a band along every edge between labels.

    The band is on both sides of an edge between nucleus and background or two nuclei. It is drawn in each
    plane separately: there is none from plane to plane, and the crop's border is not an edge.

    Args:
        dilate: steps by which the band of two pixels is dilated. 1 makes it four wide (CySGAN); 0 keeps it
            (NucMM).

    Raises:
        ValueError: for a negative `dilate`.

    References: [1, 3] of this module.
    """

    channels: tuple[Channel, ...] = (Channel("binary", "sigmoid"), Channel("contour", "sigmoid"))

    def __init__(self, *, dilate: int = 1) -> None:
        if dilate < 0:
            raise ValueError(f"DILATE must not be negative, got {dilate}")
        self.dilate = dilate

    def encode(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S), 0 = background -> maps (2, *S) of 0 and 1; `spacing` is not used."""
        maps = np.zeros((len(self.channels), *labels.shape), np.float32)
        maps[0] = labels > 0
        maps[1] = contours(labels, self.dilate)
        return maps

    def as_image(self, maps: Tensor) -> Tensor:
        """Maps (B, C, *S) -> picture in [-1, 1]: probabilities are stretched, the distance is unchanged."""
        pairs = zip(maps.unbind(1), self.channels, strict=True)
        return torch.stack([2 * one - 1 if c.activation == "sigmoid" else one for one, c in pairs], dim=1)

    def from_image(self, picture: Tensor) -> Tensor:
        """Picture (B, C, *S) in [-1, 1] -> maps in the channels' ranges."""
        pairs = zip(picture.unbind(1), self.channels, strict=True)
        return torch.stack([(one + 1) / 2 if c.activation == "sigmoid" else one for one, c in pairs], dim=1)


@TARGETS.register("bcd")
class BCD(BC):
    """The maps of `bc`, and 'distance': up to 1 in the middle of a nucleus, -1 outside.

    The distance is the Euclidean distance to the outside of the nucleus, divided by its largest value in
    that nucleus. Parts of a nucleus that the crop separates count as separate nuclei.

    Args:
        depth_ratio: distance between planes divided by that between pixels, for volumes whose voxel size is
            unknown; a known one is used instead. CySGAN: 2; NucMM: 1.
        border: whether everything beyond the crop is background, so that the distance of cut nuclei is low
            there (CySGAN). If not, a crop inside one nucleus is 1 everywhere.
        fill_holes: holes in a nucleus with fewer voxels than this are filled for the distance, but not for
            the other maps (CySGAN: 16). A hole that touches another nucleus or the crop's border is kept.
        background: the distance outside nuclei, in [-1, 0].
        legacy_background: True as in the published training, in which it was 0 if the crop held a nucleus,
            and `background` only in empty crops.
        settings: of `bc`.

    Raises:
        ValueError: for a setting outside its range.

    Differs: the background is -1 in every crop, as [2] describes a signed distance and [3] has it since
        2025; see `legacy_background`. If the voxel size is unknown, planes are treated as far apart as
        pixels, as everywhere here; see `depth_ratio`.

    References: [2, 3] of this module.
    """

    channels = (*BC.channels, Channel("distance", "tanh"))

    def __init__(
        self,
        *,
        depth_ratio: float = 1.0,
        border: bool = True,
        fill_holes: int = 16,
        background: float = -1.0,
        legacy_background: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if depth_ratio <= 0:
            raise ValueError(f"DEPTH_RATIO must be above 0, got {depth_ratio}")
        if fill_holes < 0:
            raise ValueError(f"FILL_HOLES must not be negative, got {fill_holes}")
        if not -1 <= background <= 0:
            raise ValueError(f"BACKGROUND must be in [-1, 0], got {background}")
        self.depth_ratio, self.border, self.fill_holes = depth_ratio, border, fill_holes
        self.background, self.legacy_background = background, legacy_background

    def encode(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S), 0 = background -> maps (3, *S): 0 or 1, 0 or 1, the distance in [-1, 1].

        Raises:
            ValueError: when `spacing` does not match the axes.
        """
        maps = super().encode(labels, spacing)
        if not spacing and labels.ndim == 3:
            spacing = (self.depth_ratio, 1.0, 1.0)
        nuclei = fill_pockets(parts(labels), self.fill_holes)
        maps[2] = relative_distance(nuclei, spacing, border=self.border)
        if not (self.legacy_background and nuclei.any()):
            maps[2][nuclei == 0] = self.background
        return maps
