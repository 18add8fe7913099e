"""A threshold on intensities: what CellProfiler's IdentifyPrimaryObjects begins with [1, 2].

The declumping that follows is a decoder: `components` with SPLIT declumps by shape, `declump` by intensity.

[1] McQuin et al., CellProfiler 3.0: next-generation image processing for biology, 2018.
[2] CellProfiler 4.2.8 (BSD), read for defaults, blocks, limits of the local threshold and the width of
    smoothing.
[3] Otsu, A threshold selection method from gray-level histograms, 1979; with three classes: Liao et al.,
    2001.
[4] Li and Tam, An iterative algorithm for minimum cross entropy thresholding, 1998.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import ndimage
from skimage import filters

from nucleizoo.contracts import Task
from nucleizoo.kinds import METHODS

from .classical import Classical, Picture

_SPAN = 0.7, 1.5
"""A local threshold is at least and at most this times that of the whole picture."""

_BINS = 128
"""Of the histogram of three classes."""


@METHODS.register("threshold")
class Threshold(Classical):
    """Nuclei are brighter than a threshold, which is found in every picture; nothing is trained.

    Its map is the intensity above the threshold, (intensity - threshold + 1) / 2: nuclei are above 0.5, so
    INFERENCE.DECODER.FOREGROUND 0.5 is exactly the threshold.

    Args:
        rule: 'otsu', two classes of least variance; 'otsu3', three, of which `middle` says what the second
            is; or 'minimum_cross_entropy', the default of CellProfiler.
        strategy: 'global', one threshold per picture, or 'adaptive', one per block, interpolated by splines
            and kept within 0.7 and 1.5 times the global one.
        window: edge of these blocks, in pixels that the network sees (CellProfiler: 50).
        smooth: diameter within which half of the weight of the Gaussian before the threshold is, along an
            axis, in pixels; 1.3488 is a standard deviation of 1. 0 does not smooth.
        correction: multiplies the threshold.
        lower: least threshold, an intensity in [0, 1].
        upper: largest threshold.
        middle: 'foreground' or 'background', the second of three classes.

    Raises:
        ValueError: for a setting outside its range.

    Differs: the spline of local thresholds ends at the middles of the outer blocks and is constant beyond,
        where [2]
    continues it; volumes have blocks along z too, where [2] does every plane by itself.

    References: [1, 2, 3, 4] of this module.
    """

    floor = {"STRATEGY": "adaptive"}

    def __init__(
        self,
        task: Task,
        *,
        rule: str = "minimum_cross_entropy",
        strategy: str = "global",
        window: int = 50,
        smooth: float = 1.3488,
        correction: float = 1.0,
        lower: float = 0.0,
        upper: float = 1.0,
        middle: str = "foreground",
    ) -> None:
        super().__init__(task)
        for key, value, names in (
            ("RULE", rule, tuple(_RULES)), ("STRATEGY", strategy, ("global", "adaptive")),
            ("MIDDLE", middle, ("foreground", "background")),
        ):  # fmt: skip
            if value not in names:
                raise ValueError(f"{key} must be one of {', '.join(names)}, got '{value}'")
        if window < 2:
            raise ValueError(f"WINDOW must be 2 or more, got {window}")
        if smooth < 0 or correction <= 0:
            raise ValueError(
                f"SMOOTH must be 0 or more and CORRECTION above 0, got {smooth} and {correction}"
            )
        if not 0 <= lower <= upper <= 1:
            raise ValueError(f"LOWER and UPPER must be 0 <= LOWER <= UPPER <= 1, got {lower} and {upper}")
        self.rule: Callable[[Picture], float] = partial(_RULES[rule], middle)
        self.adaptive, self.window = strategy == "adaptive", window
        self.sigma, self.correction, self.limits = smooth / _HALF / 2, correction, (lower, upper)

    def mask(self, picture: Picture) -> Picture:
        """Picture (*S) in [0, 1] -> (intensity - threshold + 1) / 2."""
        low, high = self.limits
        everywhere = self.correction * _found(self.rule, picture)
        threshold = np.clip(everywhere, low, high)
        if self.adaptive:
            least, most = (times * threshold for times in _SPAN)
            local = self.correction * _local(self.rule, picture, self.window)
            threshold = np.clip(local, max(low, least), min(high, most))
        seen = ndimage.gaussian_filter(picture, self.sigma, mode="nearest") if self.sigma else picture
        return np.asarray(np.clip((seen - threshold + 1) / 2, 0, 1))


def _found(rule: Callable[[Picture], float], part: Picture) -> float:
    """The threshold of a part of a picture; its value if it has but one."""
    return float(rule(part)) if part.min() < part.max() else float(part.min())


def _local(rule: Callable[[Picture], float], picture: Picture, window: int) -> Picture:
    """The thresholds of blocks, interpolated between their middles, (*S)."""
    counts = [max(1, n // window) for n in picture.shape]
    edges = [np.linspace(0, n, count + 1).astype(int) for n, count in zip(picture.shape, counts, strict=True)]
    blocks = np.empty(counts)
    for index in np.ndindex(*counts):
        part = tuple(slice(edge[i], edge[i + 1]) for edge, i in zip(edges, index, strict=True))
        blocks[index] = _found(rule, picture[part])
    places = [
        np.clip((np.arange(n) + 0.5) * count / n - 0.5, 0, count - 1)
        for n, count in zip(picture.shape, counts, strict=True)
    ]
    order = min(3, max(1, min(counts) - 1))
    return np.asarray(
        ndimage.map_coordinates(blocks, np.meshgrid(*places, indexing="ij"), order=order, mode="nearest")
    )


_HALF = 0.6744
"""Half of a Gaussian's weight is within this many standard deviations."""


_otsu: Callable[[Picture], float] = filters.threshold_otsu
_multi_otsu: Callable[..., tuple[float, float]] = filters.threshold_multiotsu
_li: Callable[..., float] = filters.threshold_li


def _otsu3(middle: str, values: Picture) -> float:
    if len(np.unique(values)) < 3:
        return _otsu(values)
    low, high = _multi_otsu(values, classes=3, nbins=_BINS)
    return low if middle == "foreground" else high


def _minimum_cross_entropy(_: str, values: Picture) -> float:
    steps = np.diff(np.unique(values))
    return _li(values, tolerance=max(steps.min() / 2, 0.5 / 65536))


_RULES: dict[str, Callable[[str, Picture], float]] = {
    "otsu": lambda _, values: _otsu(values),
    "otsu3": _otsu3,
    "minimum_cross_entropy": _minimum_cross_entropy,
}
"""Called with METHOD.MIDDLE and values, of which there are at least two."""
