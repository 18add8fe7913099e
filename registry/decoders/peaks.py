"""Nuclei from maps of foreground and distance: one per peak of the distance, then a watershed [1].

Thresholds of a noisy distance cut large nuclei into pieces, and join small ones that touch. A peak that
stands out from what is around it has neither fault.

[1] Soille, "Morphological image analysis", 2003: seeds of a watershed that are maxima of a least height.
    Theirs are compared with the saddle towards a higher one, wherever it is, here with all within a radius,
    so that a voxel depends on its surroundings alone and a volume can be decoded block by block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.contracts import Decoder
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.components import check_backend
from nucleizoo.ops.labels.rules import Maps, Rules, Seeds, gaussian_reach


@DECODERS.register("peaks")
class Peaks(Decoder):
    """Seeds are voxels whose smoothed distance is within `height` of the largest around them.

    A connected component of the foreground without a seed is dropped. Lengths and sizes are in pixels and
    voxels that the network sees.

    Args:
        foreground: nuclei are voxels with 'binary' above this.
        smooth: Gaussian on the distance, standard deviation; 0 does not smooth.
        radius: half the edge of the cube around a voxel that is searched for a larger distance; about the
            radius of a nucleus.
        height: a lower peak within `radius` is a nucleus of its own if it is lower by no more than this.
        least: seeds have a smoothed distance above this.
        min_size: smaller nuclei are dropped; 0 keeps all.
        watershed: its back end, 'frontier' or 'skimage'; see `ops.labels.components`.

    Raises:
        ValueError: for a setting outside its range.

    References: [1] of this module.
    """

    reads = frozenset({"binary", "distance"})
    less_memory = "raise INFERENCE.DECODER.FOREGROUND, so that fewer nuclei touch"

    def __init__(
        self,
        *,
        foreground: float = 0.5,
        smooth: float = 1.5,
        radius: float = 8.0,
        height: float = 0.2,
        least: float = 0.0,
        min_size: int = 0,
        watershed: str = "frontier",
    ) -> None:
        if not 0 <= foreground < 1:
            raise ValueError(f"FOREGROUND must be in [0, 1), got {foreground}")
        if not -1 <= least < 1:
            raise ValueError(f"LEAST must be in [-1, 1), got {least}")
        if radius < 1:
            raise ValueError(f"RADIUS must be 1 or more, got {radius}")
        for key, value in (("SMOOTH", smooth), ("HEIGHT", height), ("MIN_SIZE", min_size)):
            if value < 0:
                raise ValueError(f"{key} must not be negative, got {value}")
        self.foreground, self.smooth, self.radius = foreground, smooth, radius
        self.height, self.least, self.min_size = height, least, min_size
        self.watershed = check_backend(watershed)

    def rules(self, voxels: Voxels) -> Rules:
        """Peaks grow down the smoothed distance over the foreground."""
        sigma = voxels.along(self.smooth)
        around = tuple(max(1, round(length)) for length in voxels.along(self.radius))

        def depth(maps: Maps) -> NDArray[np.float32]:
            distance = maps["distance"]
            return np.asarray(ndimage.gaussian_filter(distance, sigma) if self.smooth else distance)

        def foreground(maps: Maps) -> NDArray[np.bool_]:
            return maps["binary"] > self.foreground

        def is_seed(maps: Maps) -> NDArray[np.bool_]:
            deep = depth(maps)
            top = ndimage.maximum_filter(deep, [2 * r + 1 for r in around], mode="nearest")
            high = deep >= top - np.float32(self.height)
            return np.asarray(high & (deep > self.least) & foreground(maps))

        seeds = Seeds(where=is_seed, height=lambda maps: -depth(maps), full=True, watershed=self.watershed)
        reach = tuple(s + r for s, r in zip(gaussian_reach(sigma), around, strict=True))
        return Rules(foreground=foreground, seeds=seeds, reach=reach, min_size=voxels.number(self.min_size))
