"""Scaling by minimum and maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Scaling
from nucleizoo.kinds import SCALINGS
from nucleizoo.ops.image.intensity import min_max_range


@SCALINGS.register("minmax")
class MinMax(Scaling):
    """The smallest value becomes 0, the largest 1, as in the AD-GAN paper.

    A single hot pixel darkens everything else: if there are any, use `percentile`.

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021, experiments.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts.

    Differs: [2] divides by 255 instead of using minimum and maximum as [1] says.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    def limits(self, raw: NDArray[np.generic]) -> tuple[float, float]:
        """Minimum and maximum of raw (any shape)."""
        return min_max_range(raw)
