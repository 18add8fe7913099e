"""Nuclei from a foreground map: threshold, components, and a watershed where they touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.contracts import Decoder
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.distance import instance_distance
from nucleizoo.ops.geometry import voxel_shape
from nucleizoo.ops.watershed import (
    check_backend,
    drop_small,
    fill_holes,
    label,
    label_rest,
    marker_watershed,
    peaks,
    renumber,
)

SPLIT_SMOOTHING = 1.0
"""Gaussian on the distance map before its summits are taken, in pixels: ragged edges make many."""

SPLIT_STEP = 0.05
"""Differences of depth below this, in pixels, are level: a long nucleus has one ridge, not many summits."""


@DECODERS.register("components")
class Components(Decoder):
    """Threshold the mask; every connected part is a nucleus, split at waists if asked.

    Args:
        foreground: a voxel is nucleus above this probability; AD-GAN's code: 0.25 (64 of 255).
        smooth: Gaussian on the map before the threshold, standard deviation in pixels of the last
            axis; 0, as in AD-GAN's code, does not smooth.
        min_size: smaller objects are dropped, in voxels; fits one voxel size only. 0 keeps all.
        fill_holes: whether background inside an object becomes nucleus, before it is split. Turn it
            off where nuclei stand in rings.
        connectivity: 'face' or 'full' (voxels that share a corner are one object).
        split: touching nuclei are split by a watershed on the distance to the background, with seeds
            at least so far apart, in pixels of the last axis; about the smallest radius of a nucleus.
            0 does not split.
        watershed: back end of the split, 'frontier' or 'skimage'; see `ops.watershed`.

    Raises:
        ValueError: for a setting outside of its range.

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021: a watershed separates nuclei of the semantic variant.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts: the threshold; it holds no decoder.
    """

    reads = frozenset({"mask"})

    def __init__(
        self,
        *,
        foreground: float = 0.5,
        smooth: float = 0.0,
        min_size: int = 0,
        fill_holes: bool = True,
        connectivity: str = "face",
        split: float = 0.0,
        watershed: str = "frontier",
    ) -> None:
        if not 0 <= foreground < 1:
            raise ValueError(f"FOREGROUND must be in [0, 1), got {foreground}")
        for key, value in (("SMOOTH", smooth), ("MIN_SIZE", min_size), ("SPLIT", split)):
            if value < 0:
                raise ValueError(f"{key} must not be negative, got {value}")
        if connectivity not in ("face", "full"):
            raise ValueError(f"CONNECTIVITY is 'face' or 'full', got '{connectivity}'")
        self.foreground, self.smooth, self.min_size = foreground, smooth, min_size
        self.fill_holes, self.full, self.split = fill_holes, connectivity == "full", split
        self.watershed = check_backend(watershed)

    def __call__(
        self, maps: dict[str, NDArray[np.float32]], spacing: tuple[float, ...] = ()
    ) -> NDArray[np.int32]:
        """Map 'mask' (*S) in [0, 1] -> labels (*S), 1..n by first voxel in raster order.

        Raises:
            ValueError: when `spacing` does not fit the axes.
        """
        mask = maps["mask"]
        voxel = voxel_shape(spacing, mask.ndim)
        if self.smooth:
            mask = ndimage.gaussian_filter(mask, [self.smooth / edge for edge in voxel])
        labels = label(mask > self.foreground, full=self.full)
        if self.fill_holes:
            labels = fill_holes(labels)
        if self.split:
            labels = self._split(labels, spacing, voxel)
        return renumber(drop_small(labels, self.min_size))

    def _split(
        self, objects: NDArray[np.int32], spacing: tuple[float, ...], voxel: tuple[float, ...]
    ) -> NDArray[np.int32]:
        distance = instance_distance(objects, spacing, border=False)
        whole = np.where(np.isfinite(distance), distance, np.float32(1))
        depth = ndimage.gaussian_filter(whole, [SPLIT_SMOOTHING / edge for edge in voxel])
        level = np.round(depth / SPLIT_STEP)
        seeds = peaks(level, objects, self.split, voxel)
        cut = marker_watershed(-depth, seeds, objects > 0, backend=self.watershed)
        return label_rest(cut, objects > 0)
