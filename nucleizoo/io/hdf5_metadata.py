"""What the attributes of an HDF5 dataset say of its axes and voxel size."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np

from nucleizoo.core.said import warn_once
from nucleizoo.io.assumptions import MEND, assume
from nucleizoo.io.units import micrometres
from nucleizoo.io.volume import SPATIAL

log = logging.getLogger(__name__)

_SPACING_ATTRIBUTES = ("voxel_size_um_zyx", "element_size_um", "resolution")
"""Attributes with a voxel size: in axis order but for the first, in micrometres but for the last."""

_UNIT_ATTRIBUTES = ("resolution_units", "resolution_unit", "units", "unit")
"""Attributes with the unit of a `resolution`: one, or one per value."""


def names_of(name: str, data: Any) -> list[str]:
    """Names of the axes, '' for one without: ilastik's axistags, dimension labels or dimension scales.

    Args:
        name: for messages.
        data: a dataset.
    """
    tags = _attribute(name, data, "axistags")
    if tags is not None:
        try:
            return [str(axis["key"]) for axis in json.loads(_texts(tags)[0])["axes"]]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            warn_once(log, f"{name}: its axistags cannot be read ({type(error).__name__}: {error})")
    names = [axis.label or (axis[0].name if len(axis) else "") for axis in data.dims]
    return names if any(names) else []


def name_axes(data: Any, names: str) -> None:
    """Write names of a dataset's axes, a letter for each, as dimension labels."""
    for axis, name in zip(data.dims, names, strict=True):
        axis.label = name


def spacing_of(name: str, data: Any, axes: str) -> tuple[float, ...]:
    """Voxel size in micrometres (z, y, x) from the first attribute that gives one for these axes, else ().

    Args:
        name: for messages.
        data: a dataset.
        axes: a letter for each of its axes.
    """
    spatial = [axis for axis in axes if axis in SPATIAL]
    for attribute in _SPACING_ATTRIBUTES:
        told = _attribute(name, data, attribute)
        values = np.asarray(() if told is None else told)
        if values.dtype.kind not in "uif" or values.ndim != 1:
            continue
        letters = sorted(spatial, reverse=True) if attribute.endswith("zyx") else spatial
        if values.size == len(axes) and (attribute == "resolution" or values.size > 3):
            values = values[[axes.index(letter) for letter in letters]]
        elif values.size == 3 > len(letters):
            values = values[-len(letters) :]  # of a volume, for one of its planes
        if values.size != len(letters) or not (np.isfinite(values).all() and (values > 0).all()):
            continue
        units = _units(name, data, values) if attribute == "resolution" else [1.0] * values.size
        sizes = {letter: float(v) * u for letter, v, u in zip(letters, values, units, strict=False)}
        return tuple(sizes[letter] for letter in SPATIAL if letter in sizes) if all(units) else ()
    return ()


def _units(name: str, data: Any, resolution: Any) -> list[float]:
    """Micrometres in the unit of every value of a resolution; [0] when it is not known."""
    told = (_attribute(name, data, attribute) for attribute in _UNIT_ATTRIBUTES)
    words = next((_texts(one) for one in told if one is not None), [])
    if not words:
        size = ", ".join(f"{value:g}" for value in resolution)
        assume(name, f"gives no unit for its resolution ({size}); it is taken for micrometres. If that is "
                     f"wrong, {MEND}")  # fmt: skip
        return [1.0] * len(resolution)
    factors = [micrometres(word) for word in words[-len(resolution) :]]
    if None in factors:
        unit = "', '".join(words)
        warn_once(log, f"{name}: the unit of its resolution, '{unit}', is not known; {MEND}")
    known = [factor or 0.0 for factor in factors]
    return known * len(resolution) if len(known) == 1 else known


def _attribute(name: str, data: Any, attribute: str) -> Any:
    """The value of an attribute; None where there is none, or none that can be read."""
    try:
        return data.attrs.get(attribute)
    except (TypeError, ValueError, OSError, KeyError) as error:
        warn_once(log, f"{name}: its attribute '{attribute}' cannot be read ({error})")
        return None


def _texts(value: Any) -> list[str]:
    """The words of an attribute, which may be bytes, text, or an array of either."""
    words = [value] if isinstance(value, str | bytes) else np.ravel(np.asarray(value)).tolist()
    return [word.decode(errors="replace") if isinstance(word, bytes) else str(word) for word in words]
