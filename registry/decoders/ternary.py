"""Nuclei from a ternary map: cores are seeds, which a watershed grows into their rims."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.contracts import Decoder
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.components import check_backend
from nucleizoo.ops.labels.rules import Maps, Rules, Seeds, gaussian_reach


@DECODERS.register("ternary")
class Ternary(Decoder):
    """Threshold the map twice, use the cores as seeds, and flood the foreground from them.

    With `keep_coreless` and no `min_size` the labelled voxels are exactly the foreground, as a
    semantic evaluation needs.

    Args:
        foreground: a voxel is nucleus above this value; AD-GAN's code: 0.25 (64 of 255).
        core: a voxel is core above this value; midway between rim and core is 0.75 (191 of 255).
        min_seed: smaller cores are noise and not seeds, in voxels that the network sees; 0 keeps all.
        smooth: Gaussian on the landscape of the watershed, standard deviation in pixels that the network
            sees; it moves the boundary between touching nuclei, not the outline. 0 does not smooth.
        keep_coreless: whether a connected component of the foreground without a seed is a nucleus, because
            small and dim ones often have no core. If not, it is dropped.
        min_size: smaller objects are dropped, in voxels that the network sees; 0 keeps all.
        fill_holes: whether background that one nucleus encloses becomes part of it.
        watershed: its back end, 'frontier' or 'skimage'; see `ops.labels.components`.

    Raises:
        ValueError: for a setting outside its range.

    Differs: [1] names a watershed on the ternary map but not its thresholds, [2] has no decoder.

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021: the instance variant, AD-GAN-INS.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts: the foreground threshold.
    """

    reads = frozenset({"ternary"})
    less_memory = "raise INFERENCE.DECODER.FOREGROUND, so that fewer nuclei touch"

    def __init__(
        self,
        *,
        foreground: float = 0.25,
        core: float = 0.75,
        min_seed: int = 4,
        smooth: float = 1.0,
        keep_coreless: bool = True,
        min_size: int = 0,
        fill_holes: bool = True,
        watershed: str = "frontier",
    ) -> None:
        if not 0 <= foreground <= core < 1:
            raise ValueError(
                f"FOREGROUND and CORE must be 0 <= FOREGROUND <= CORE < 1, got {foreground} and {core}"
            )
        for key, value in (("MIN_SEED", min_seed), ("SMOOTH", smooth), ("MIN_SIZE", min_size)):
            if value < 0:
                raise ValueError(f"{key} must not be negative, got {value}")
        self.foreground, self.core, self.min_seed, self.smooth = foreground, core, min_seed, smooth
        self.keep_coreless, self.min_size, self.fill_holes = keep_coreless, min_size, fill_holes
        self.watershed = check_backend(watershed)

    def rules(self, voxels: Voxels) -> Rules:
        """Cores grow over the smoothed map into all voxels above `foreground`."""
        sigma = voxels.along(self.smooth)

        def height(maps: Maps) -> NDArray[np.float32]:
            ternary = maps["ternary"]
            return -np.asarray(ndimage.gaussian_filter(ternary, sigma) if self.smooth else ternary)

        seeds = Seeds(
            where=lambda maps: maps["ternary"] > self.core, height=height,
            min_size=voxels.number(self.min_seed), keep_rest=self.keep_coreless, watershed=self.watershed,
        )  # fmt: skip
        return Rules(
            foreground=lambda maps: maps["ternary"] > self.foreground, seeds=seeds,
            reach=gaussian_reach(sigma), fill_holes=self.fill_holes, min_size=voxels.number(self.min_size),
        )  # fmt: skip
