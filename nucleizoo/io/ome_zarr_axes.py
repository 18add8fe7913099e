"""What the metadata of OME-Zarr say of the axes and voxel size of an array."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once
from nucleizoo.io.assumptions import MEND, assume
from nucleizoo.io.axes import letter_of
from nucleizoo.io.ome_zarr import incomplete, levels_of, multiscales
from nucleizoo.io.units import micrometres
from nucleizoo.io.volume import SPATIAL
from nucleizoo.io.zarr_folder import attributes_of, is_zarr, shape_of

log = logging.getLogger(__name__)

_OLD_AXES = "tczyx"
"""The axes of OME-Zarr up to 0.2, which does not name them."""

_TYPES = {"channel": "c", "time": "t"}
"""Axes by their type, where their name is not known."""


def axes_and_spacing(array: Path) -> tuple[list[str], tuple[float, ...]]:
    """What the groups around an array say of it.

    Args:
        array: its folder.

    Returns:
        Names of the axes, and the voxel size in micrometres (z, y, x); [] and () where they say nothing.

    Raises:
        ImageReadError: when the metadata are incomplete.
    """
    for group in array.parents:
        if not is_zarr(group):
            break
        for scale in multiscales(attributes_of(group)):
            for level in levels_of(group, scale):
                if PurePosixPath(level["path"]) == PurePosixPath(array.relative_to(group)):
                    names = _axis_names(group, scale, shape_of(array))
                    return names, _spacing(str(array), scale, level, names)
    return [], ()


def _axis_names(group: Path, scale: Mapping[str, Any], shape: tuple[int, ...]) -> list[str]:
    """Names of the axes; from 0.4 on they are objects, in 0.3 words, and before there are none."""
    axes = scale.get("axes")
    if not axes:
        return list(_OLD_AXES) if len(shape) == len(_OLD_AXES) else []
    try:
        named = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
        names = [_name(str(axis["name"]), str(axis.get("type"))) for axis in named]
    except (KeyError, TypeError) as error:
        raise incomplete(group, error) from error
    if len(names) != len(shape):
        raise ImageReadError(
            f"{group}: its metadata names {len(names)} axes ({', '.join(names)}), but its array has "
            f"{len(shape)} ({'x'.join(map(str, shape))}); fix the metadata, or name the "
            "array with the key DATASET"
        )
    return names


def _name(name: str, kind: str) -> str:
    """The name of an axis or, where it is not known, that of its type."""
    return _TYPES.get(kind, name) if letter_of(name) == "?" else name


def _spacing(
    name: str, scale: Mapping[str, Any], level: Mapping[str, Any], names: Sequence[str]
) -> tuple[float, ...]:
    """Voxel size in micrometres (z, y, x): the scales of the level and of the whole, multiplied."""
    try:
        scales = [
            [float(n) for n in one["scale"]]
            for told in (level, scale)
            for one in told.get("coordinateTransformations") or ()
            if one["type"] == "scale"
        ]
        units = [axis.get("unit") if isinstance(axis, dict) else None for axis in scale.get("axes") or names]
        steps = [math.prod(each) for each in zip(*scales, strict=True)]
        known = (
            {letter_of(axis): one for axis, *one in zip(names, steps, units, strict=True)} if scales else {}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        warn_once(log, f"{name}: its voxel size cannot be read ({type(error).__name__}: {error}); {MEND}")
        return ()
    sizes = {letter: known[letter] for letter in SPATIAL if letter in known}
    if not all(0 < step < math.inf for step, _ in sizes.values()):
        warn_once(log, f"{name}: its voxel size, {[step for step, _ in sizes.values()]}, cannot be; {MEND}")
        return ()
    silent = [letter for letter, (_, unit) in sizes.items() if unit is None]
    if len(silent) == len(sizes) and all(step == 1 for step, _ in sizes.values()):
        return ()  # what programs write that know no voxel size
    if silent:
        assume(
            name, f"gives no unit for its voxel size; it is taken for micrometres. If that is wrong, {MEND}"
        )
    factors = {letter: micrometres(str(unit or "um")) for letter, (_, unit) in sizes.items()}
    if None in factors.values():
        told = ", ".join(str(unit) for _, unit in sizes.values())
        warn_once(log, f"{name}: the unit of its voxel size, '{told}', is not known; {MEND}")
    spacing = tuple(step * (factors[letter] or 0) for letter, (step, _) in sizes.items())
    return spacing if all(spacing) else ()
