"""Scaling by the range of the data type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nucleizoo.contracts import Scaling
from nucleizoo.kinds import SCALINGS
from nucleizoo.ops.image.intensity import dtype_range, min_max_range


@SCALINGS.register("dtype")
class DType(Scaling):
    """Divides integers by the largest value of their type; floats must be in [0, 1], and are unchanged.

    Keeps brightness comparable between files. Of little use for 12 bits stored in 16: they end up
    in [0, 0.06].
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    def fixed(self, dtype: DTypeLike) -> tuple[float, float] | None:
        """The range of integer types; None for floats, whose values must be checked."""
        return None if np.dtype(dtype).kind == "f" else dtype_range(dtype)

    def limits(self, raw: NDArray[np.generic]) -> tuple[float, float]:
        """The range of raw's type (any shape).

        Raises:
            ValueError: for floats outside [0, 1].
        """
        limits = dtype_range(raw.dtype)
        low, high = min_max_range(raw)
        if raw.dtype.kind == "f" and not (0 <= low and high <= 1):
            raise ValueError(
                f"its values go from {low:g} to {high:g}, but the scaling 'dtype' needs floats in [0, 1]; "
                "use 'minmax' or 'percentile'"
            )
        return limits
