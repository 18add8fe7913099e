"""Scaling by two percentiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Scaling
from nucleizoo.kinds import SCALINGS
from nucleizoo.ops.image.intensity import percentile_range


@SCALINGS.register("percentile")
class Percentile(Scaling):
    """Two percentiles become 0 and 1, values beyond are clipped: robust to hot and dead pixels.

    Args:
        low: percentile that becomes 0.
        high: percentile that becomes 1; brighter values saturate. Sparse nuclei need it near 100.

    Raises:
        ValueError: unless 0 <= low < high <= 100.
    """

    def __init__(self, *, low: float = 0.1, high: float = 99.9, **settings: Any) -> None:
        super().__init__(**settings)
        if not 0 <= low < high <= 100:
            raise ValueError(
                f"LOW and HIGH must be percentiles with 0 <= LOW < HIGH <= 100, got {low} and {high}"
            )
        self.low, self.high = low, high

    def between(self, raw: NDArray[np.generic], low: float, high: float) -> NDArray[np.float32]:
        """As `Scaling.between`; says what to do with a few bright pixels on black."""
        try:
            return super().between(raw, low, high)
        except ValueError as error:
            if low != high or self.high == 100:
                raise
            raise ValueError(
                f"{error}; in prediction DATASET.IMAGE.SCALING.HIGH 100 keeps a few bright pixels"
            ) from error

    def limits(self, raw: NDArray[np.generic]) -> tuple[float, float]:
        """The two percentiles of raw (any shape)."""
        return percentile_range(raw, self.low, self.high)
