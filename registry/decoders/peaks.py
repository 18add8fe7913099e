"""Nuclei from maps of foreground and distance: one per peak of the distance, then a watershed [1].

Thresholds of a noisy distance cut large nuclei into pieces, and join small ones that touch. A peak that
stands out from what is around it has neither fault. `declump` does the same with a map of foreground alone.

[1] Soille, "Morphological image analysis", 2003: seeds of a watershed that are maxima of a least height.
    Theirs are compared with the saddle towards a higher one, wherever it is, here with all within a radius,
    so that a voxel depends on its surroundings alone and a volume can be decoded block by block.
"""

from __future__ import annotations

from typing import Any, ClassVar

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

    inside: ClassVar[str] = "binary"
    """The map that says where nuclei are."""

    depth: ClassVar[str] = "distance"
    """The map whose peaks are seeds."""

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
            height = maps[self.depth]
            return np.asarray(ndimage.gaussian_filter(height, sigma) if self.smooth else height)

        def foreground(maps: Maps) -> NDArray[np.bool_]:
            return maps[self.inside] > self.foreground

        def is_seed(maps: Maps) -> NDArray[np.bool_]:
            deep = depth(maps)
            top = ndimage.maximum_filter(deep, [2 * r + 1 for r in around], mode="nearest")
            high = deep >= top - np.float32(self.height)
            return np.asarray(high & (deep > self.least) & foreground(maps))

        seeds = Seeds(where=is_seed, height=lambda maps: -depth(maps), full=True, watershed=self.watershed)
        reach = tuple(s + r for s, r in zip(gaussian_reach(sigma), around, strict=True))
        return Rules(foreground=foreground, seeds=seeds, reach=reach, min_size=voxels.number(self.min_size))


@DECODERS.register("declump")
class Declump(Peaks):
    """Seeds are peaks of the smoothed map itself, and nuclei meet where it is lowest between them.

    With the method `threshold` this is CellProfiler's declumping by intensity [2]; declumping by shape is
    `components` with SPLIT. A connected component of the foreground without a seed is dropped.

    Args:
        smooth: Gaussian on the map, standard deviation (CellProfiler: the smallest diameter of nuclei / 3.5).
        radius: half the edge of the cube in which a seed is the highest (CellProfiler: the smallest diameter
            / 1.5).
        height: a lower peak within `radius` is a nucleus of its own if it is lower by no more than this
            (CellProfiler: 0).
        least: seeds are above this after smoothing; below 0, all that is foreground may be one.
        settings: of `peaks`.

    Differs: [2] floods the map as it is, here it is smoothed; it searches discs of a picture that is made
        smaller first.

    References:
        [2] CellProfiler 4.2.8 (BSD), read for the widths.
    """

    reads = frozenset({"mask"})
    inside = depth = "mask"

    def __init__(
        self,
        *,
        smooth: float = 3.0,
        radius: float = 7.0,
        height: float = 0.0,
        least: float = -1.0,
        **settings: Any,
    ) -> None:
        super().__init__(smooth=smooth, radius=radius, height=height, least=least, **settings)
