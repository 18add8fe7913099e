"""The interface of scalings: raw intensities to [0, 1], first linearly, then along a curve."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Scaling(ABC):
    """Raw intensities -> [0, 1]: built as `Entry(**settings)`.

    Args:
        over: 'volume' uses one range for the whole file, 'image' one per 2D plane (a plane
            without contrast, as at the ends of a volume, becomes 0).
        invert: for dark nuclei on a bright background: the largest intensity becomes 0.
        gamma: exponent of the scaled intensities; below 1 lifts dim nuclei.
        asinh: also lifts dim nuclei, but amplifies noise less than a small `gamma`: intensities below
            this share of the range stay linear, those above are compressed like a logarithm
            (0.02 suits nuclei of very different brightness); 0 is off.

    Raises:
        ValueError: for another value of `over`, a `gamma` that is not positive, or a negative `asinh`.
    """

    def __init__(
        self, *, over: str = "volume", invert: bool = False, gamma: float = 1.0, asinh: float = 0.0
    ) -> None:
        if over not in ("volume", "image"):
            raise ValueError(f"OVER must be 'volume' or 'image', got '{over}'")
        if gamma <= 0:
            raise ValueError(f"GAMMA must be above 0, got {gamma}")
        if asinh < 0:
            raise ValueError(f"ASINH must not be negative, got {asinh}")
        self.over, self.invert, self.gamma, self.asinh = over, invert, gamma, asinh

    @abstractmethod
    def limits(self, raw: NDArray[np.generic]) -> tuple[float, float]:
        """The intensities that become 0 and 1."""

    def fixed(self, dtype: DTypeLike) -> tuple[float, float] | None:
        """The limits, if they depend only on the dtype; None if the values must be read."""
        return None

    def __call__(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        """Scale raw (..., Y, X) of any real dtype linearly -> float32 in [0, 1], same shape.

        Leading axes are channels, frames or depth: 'volume' uses one range for all of them.

        Raises:
            ValueError: when there is no range to scale (one value only, or not finite).
        """
        if self.over == "image" and raw.ndim > 2:
            return np.stack([self._plane(plane) for plane in raw])
        return self.between(raw, *self.limits(raw))

    def between(self, raw: NDArray[np.generic], low: float, high: float) -> NDArray[np.float32]:
        """Scale raw of any shape linearly between known limits -> float32 in [0, 1].

        Raises:
            ValueError: when the limits are not a range.
        """
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("it holds values that are not finite (NaN or infinity)")
        if high <= low:
            raise ValueError(f"it has no contrast: its intensity range is {low:g} to {high:g}")
        # 32-bit integers keep their last digits only in float64
        wide = raw.astype(np.result_type(raw.dtype, np.float32))
        wide -= low
        wide /= high - low
        scaled: NDArray[np.float32] = np.clip(wide, 0, 1).astype(np.float32, copy=False)
        return 1 - scaled if self.invert else scaled

    def _plane(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        return self(raw) if raw.min() < raw.max() else np.zeros(raw.shape, np.float32)

    def curve(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Lift dim intensities, [0, 1] to [0, 1]; after resampling, which averages out noise."""
        if self.asinh:
            share = np.float32(self.asinh)
            scaled = np.arcsinh(scaled / share) / np.arcsinh(1 / share)
        return scaled if self.gamma == 1 else np.power(scaled, np.float32(self.gamma))

    def straight(self, lifted: NDArray[np.float32]) -> NDArray[np.float32]:
        """The inverse of `curve`, [0, 1] to [0, 1]."""
        scaled = lifted if self.gamma == 1 else np.power(lifted, np.float32(1 / self.gamma))
        if self.asinh:
            share = np.float32(self.asinh)
            scaled = np.sinh(scaled * np.arcsinh(1 / share)) * share
        return scaled
