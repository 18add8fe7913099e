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
from nucleizoo.preprocess.layout import unscaled
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
        ImageReadError: when a chunk cannot be read, or its intensities cannot be used; also for one value
            everywhere.
    """
    known: Known = dict[str, NDArray[Any]]().__getitem__
    for one in passes(values, scaling).values():
        known = one.pooled([one.seen(None, known)], known).__getitem__
    low, high = known("low"), known("high")
    if not low.ndim and low == high:
        raise ImageReadError(f"{values.name}: has the value {low:g} everywhere; remove it")
    return low, high


def is_blank(values: Values) -> bool:
    """Whether a file has one value everywhere; read up to the first other one.

    Raises:
        ImageReadError: when a chunk cannot be read, or its intensities cannot be used.
    """
    spans = ((part.min(), part.max()) for part in values.all())
    first, _ = before = next(spans)
    return before == (first, first) and all(span == before for span in spans)


@dataclass(frozen=True)
class _Extremes:
    """Finds the smallest and the largest value, between which the next pass counts."""

    values: Values

    def seen(self, box: Box | None, known: Known) -> Found:
        return {"span": np.array(span_of(self.values.all(box)))}

    def pooled(self, found: Iterable[Found], known: Known) -> Found:
        low, high = np.array([one["span"] for one in found]).T
        span = np.array([low.min(), high.max()])
        return {"span": span}


@dataclass(frozen=True)
class _Counts:
    """Counts all values, for percentiles."""

    values: Values
    scaling: Scaling

    def seen(self, box: Box | None, known: Known) -> Found:
        dtype, (smallest, largest) = self.values.dtype, self._span(known)
        if smallest == largest:
            return {"counts": np.ones(1, np.uint8)}
        counts = counts_of(self.values.all(box), dtype, (smallest, largest))
        return {"counts": counts.astype(np.min_scalar_type(counts.max()))}

    def pooled(self, found: Iterable[Found], known: Known) -> Found:
        counts, (smallest, largest) = sum(one["counts"].astype(np.int64) for one in found), self._span(known)
        if smallest == largest:
            return {"low": np.array(smallest), "high": np.array(smallest)}
        sample = sample_of(np.asarray(counts), self.values.dtype, (smallest, largest))
        if sample.min() == sample.max():
            return {"low": np.array(float(sample[0])), "high": np.array(float(sample[0]))}
        try:
            low, high = self.scaling.limits(sample)
            self.scaling.between(sample[:2], low, high)  # refuses what is not a range
        except ValueError as error:
            raise unscaled(self.values.name, error) from error
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
            raise unscaled(self.values.name, error) from error
        return {"limits": limits}

    def pooled(self, found: Iterable[Found], known: Known) -> Found:
        values, limits = self.values, np.concatenate([one["limits"] for one in found])
        low, high = np.moveaxis(limits.reshape(*values.outer, *values.shape[:-2], -1, 2), (-1, -2), (0, 1))
        return {"low": low, "high": high}

    def _of(self, plane: NDArray[Any]) -> tuple[float, float]:
        low, high = float(plane.min()), float(plane.max())
        return self.scaling.limits(plane) if low != high else (low, high)
