"""Nuclei as foreground and contours, and the depth within each nucleus [1, 2, 3].

[1] Wei et al., MitoEM dataset, 2020: foreground and contour, U3D-BC.
[2] Lin et al., NucMM dataset, 2021: with the distance, U3D-BCD; Lauenburg et al., Instance segmentation of
    unlabeled modalities via cyclic segmentation GAN, 2022: the same in CySGAN.
[3] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for widths, padding, small
    holes, the voxel's depth and the background of the distance, which the papers leave out.
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

    The band lies on both sides of an edge, of nucleus and background or of two nuclei. It is drawn in
    each plane: from plane to plane there is none, and the crop's border is no edge.

    Args:
        dilate: steps by which the band of two pixels grows. 1 makes it four wide (CySGAN); 0 leaves it
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
        """Labels (*S), 0 = background -> maps (2, *S) of 0 and 1; `spacing` changes nothing."""
        maps = np.zeros((len(self.channels), *labels.shape), np.float32)
        maps[0] = labels > 0
        maps[1] = contours(labels, self.dilate)
        return maps

    def as_image(self, maps: Tensor) -> Tensor:
        """Maps (B, C, *S) -> picture in [-1, 1]: probabilities are stretched, the distance is as it is."""
        pairs = zip(maps.unbind(1), self.channels, strict=True)
        return torch.stack([2 * one - 1 if c.activation == "sigmoid" else one for one, c in pairs], dim=1)

    def from_image(self, picture: Tensor) -> Tensor:
        """Picture (B, C, *S) in [-1, 1] -> maps in the channels' ranges."""
        pairs = zip(picture.unbind(1), self.channels, strict=True)
        return torch.stack([(one + 1) / 2 if c.activation == "sigmoid" else one for one, c in pairs], dim=1)


@TARGETS.register("bcd")
class BCD(BC):
    """The maps of `bc`, and 'distance': depth in a nucleus, up to 1 in its middle; -1 outside.

    Depth is the Euclidean distance to what is not the nucleus, divided by its greatest value in that
    nucleus. Parts of a nucleus that the crop tears apart count as nuclei of their own.

    Args:
        depth_ratio: distance of two planes over that of two pixels, for volumes whose voxel size is
            unknown; a known one is used instead. CySGAN: 2; NucMM: 1.
        border: whether all beyond the crop is background, so that cut nuclei are shallow there (CySGAN).
            A crop inside one nucleus is 1 everywhere when not.
        fill_holes: holes within a nucleus of fewer voxels than this are inside for the distance, and for
            it alone (CySGAN: 16). One that touches another nucleus or the crop's border stays.
        background: the distance outside of nuclei, in [-1, 0].
        legacy_background: True gives the published training, in which it was 0 wherever the crop held a
            nucleus, and `background` in empty crops alone.
        settings: of `bc`.

    Raises:
        ValueError: for a setting outside of its range.

    Differs: the background is -1 in every crop, as [2] describes a signed distance and [3] has it since
        2025; see `legacy_background`. Planes of unknown distance are taken as far apart as pixels, for
        that is what an unknown voxel size means everywhere here; see `depth_ratio`.

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
            ValueError: when `spacing` does not fit the axes.
        """
        maps = super().encode(labels, spacing)
        if not spacing and labels.ndim == 3:
            spacing = (self.depth_ratio, 1.0, 1.0)
        nuclei = fill_pockets(parts(labels), self.fill_holes)
        maps[2] = relative_distance(nuclei, spacing, border=self.border)
        if not (self.legacy_background and nuclei.any()):
            maps[2][nuclei == 0] = self.background
        return maps
