"""Find the intensity range of a file that is read part by part: in one go, or box by box."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Scaling
from nucleizoo.core.errors import ImageReadError
from nucleizoo.ops.grid import Box
from nucleizoo.ops.image.histogram import counts_of, known_span, sample_of, span_of
from nucleizoo.preprocess.values import Values

Limits = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Intensities that become 0 and 1: () for the whole file, or (channels, *outer, depth) for every plane."""

Found = Mapping[str, NDArray[Any]]
"""What a pass found in a box, or in all boxes."""

Known = Callable[[str], NDArray[Any]]
"""Gives what the previous pass found in all boxes, by name."""


class Pass(Protocol):
    """One pass over a file; the result does not depend on how the file is cut into boxes."""

    def seen(self, box: Box | None, known: Known) -> Found:
        """What is found in a box of the values, or in all of them.

        Args:
            box: see `Values.boxes`; None is all of them.
            known: what the previous pass found.

        Raises:
            ImageReadError: when a chunk cannot be read, or its intensities cannot be used.
        """
        ...

    def pooled(self, found: Iterable[Found], known: Known) -> Found:
        """What is found in the whole file, from all boxes in order; the last pass gives `low` and `high`.

        Raises:
            ImageReadError: when the intensities cannot be used.
        """
        ...


def passes(values: Values, scaling: Scaling) -> dict[str, Pass]:
    """The passes that find the limits of a scaling, in order."""
    if scaling.over == "image":
        return {"intensities": _Planes(values, scaling)}
    counts = _Counts(values, scaling)
    if known_span(values.dtype):
        return {"intensities": counts}
    return {"extremes": _Extremes(values), "intensities": counts}


def limits_of(values: Values, scaling: Scaling) -> Limits:
    """Find the limits of a scaling at once.

    Raises:
        ImageReadError: when a chunk cannot be read, or its intensities cannot be used.
    """
    known: Known = dict[str, NDArray[Any]]().__getitem__
    for one in passes(values, scaling).values():
        known = one.pooled([one.seen(None, known)], known).__getitem__
    return known("low"), known("high")


@dataclass(frozen=True)
class _Extremes:
    """Finds the smallest and the largest value, between which the next pass counts."""

    values: Values

    def seen(self, box: Box | None, known: Known) -> Found:
        return {"span": np.array(span_of(self.values.all(box)))}

    def pooled(self, found: Iterable[Found], known: Known) -> Found:
        low, high = np.array([one["span"] for one in found]).T
        span = np.array([low.min(), high.max()])
        _check_contrast(self.values, span.astype(self.values.dtype))
        return {"span": span}


@dataclass(frozen=True)
class _Counts:
    """Counts all values, for percentiles."""

    values: Values
    scaling: Scaling

    def seen(self, box: Box | None, known: Known) -> Found:
        dtype = self.values.dtype
        counts = counts_of(self.values.all(box), dtype, self._span(known))
        return {"counts": counts.astype(np.min_scalar_type(counts.max()))}

    def pooled(self, found: Iterable[Found], known: Known) -> Found:
        counts = sum(one["counts"].astype(np.int64) for one in found)
        sample = sample_of(np.asarray(counts), self.values.dtype, self._span(known))
        _check_contrast(self.values, sample)
        try:
            low, high = self.scaling.limits(sample)
            self.scaling.between(sample[:2], low, high)  # refuses what is not a range
        except ValueError as error:
            raise _unscaled(self.values, error) from error
        return {"low": np.array(low), "high": np.array(high)}

    def _span(self, known: Known) -> tuple[float, float]:
        if (span := known_span(self.values.dtype)) is None:
            smallest, largest = known("span")
            span = float(smallest), float(largest)
        return span


@dataclass(frozen=True)
class _Planes:
    """Finds the limits of every plane separately; boxes hold whole planes."""

    values: Values
    scaling: Scaling

    def seen(self, box: Box | None, known: Known) -> Found:
        planes = self.values.planes(box)
        try:
            limits = np.array([self._of(one) for plane in planes for one in plane], np.float64)
        except ValueError as error:
            raise _unscaled(self.values, error) from error
        return {"limits": limits}

    def pooled(self, found: Iterable[Found], known: Known) -> Found:
        values, limits = self.values, np.concatenate([one["limits"] for one in found])
        low, high = np.moveaxis(limits.reshape(*values.outer, *values.shape[:-2], -1, 2), (-1, -2), (0, 1))
        return {"low": low, "high": high}

    def _of(self, plane: NDArray[Any]) -> tuple[float, float]:
        low, high = float(plane.min()), float(plane.max())
        return self.scaling.limits(plane) if low != high else (low, high)


def _check_contrast(values: Values, found: NDArray[Any]) -> None:
    if found.min() == found.max():
        raise ImageReadError(f"{values.name}: has the value {found[0]} everywhere; remove it")


def _unscaled(values: Values, error: ValueError) -> ImageReadError:
    return ImageReadError(f"{values.name}: {error}; check the key SCALING")
