"""Nuclei from a foreground map: threshold, components, and a watershed where they touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.contracts import Decoder
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.components import check_backend
from nucleizoo.ops.labels.rules import Maps, Rules, gaussian_reach


@DECODERS.register("components")
class Components(Decoder):
    """Threshold the mask; each connected component is a nucleus, optionally split where it is narrow.

    Args:
        foreground: a voxel is nucleus above this probability; AD-GAN's code: 0.25 (64 of 255).
        smooth: Gaussian on the map before the threshold, standard deviation in pixels that the
            network sees; 0, as in AD-GAN's code, does not smooth.
        min_size: smaller objects are dropped, in voxels that the network sees; 0 keeps all.
        fill_holes: whether background inside an object becomes nucleus, before it is split. Turn it
            off where nuclei form rings.
        connectivity: 'face' or 'full' (voxels that share a corner are one object).
        split: touching nuclei are split by a watershed on the distance to the background, with seeds
            at least this far apart, in pixels that the network sees; about the smallest radius of a
            nucleus. 0 does not split.
        watershed: back end of the split, 'frontier' or 'skimage'; see `ops.labels.components`.

    Raises:
        ValueError: for a setting outside its range.

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021: a watershed separates nuclei of the semantic variant.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts: the threshold; it holds no decoder.
    """

    reads = frozenset({"mask"})
    less_memory = "raise INFERENCE.DECODER.FOREGROUND, so that fewer nuclei touch"

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
            raise ValueError(f"CONNECTIVITY must be 'face' or 'full', got '{connectivity}'")
        self.foreground, self.smooth, self.min_size = foreground, smooth, min_size
        self.fill_holes, self.full, self.split = fill_holes, connectivity == "full", split
        self.watershed = check_backend(watershed)

    def rules(self, voxels: Voxels) -> Rules:
        """Connected components of the map above `foreground`, smoothed first with `smooth`."""
        sigma = voxels.along(self.smooth)

        def foreground(maps: Maps) -> NDArray[np.bool_]:
            mask = maps["mask"]
            return np.asarray(
                (ndimage.gaussian_filter(mask, sigma) if self.smooth else mask) > self.foreground
            )

        return Rules(
            foreground=foreground, reach=gaussian_reach(sigma), full=self.full, fill_holes=self.fill_holes,
            split=self.split * voxels.pixels, spacing=voxels.edges, watershed=self.watershed,
            min_size=voxels.number(self.min_size),
        )  # fmt: skip
