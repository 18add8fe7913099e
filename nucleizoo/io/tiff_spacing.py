"""Voxel sizes from the metadata of TIFF files: OME, LSM, ImageJ or resolution tags."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from nucleizoo.core.said import warn_once
from nucleizoo.io.units import micrometres

_PRINTING = ("cm", "inch", "in")
"""Units in which programs store a print resolution by default."""

_PLAUSIBLE = 50.0
"""Micrometres per pixel; above it, a resolution in a printing unit is for print (72 dpi = 353 um)."""

Told = dict[str, tuple[Any, str]]
"""For the axes Z, Y and X: a length as the file has it, and its unit."""

log = logging.getLogger(__name__)


def spacing_of(path: Path, tiff: Any, is_volume: bool) -> tuple[float, ...]:
    """Voxel size of a file in micrometres: (z, y, x) or (y, x), () unless it is known for every axis.

    A size that cannot be parsed is unknown, and the log says why.
    """
    axes = "ZYX" if is_volume else "YX"
    try:
        told = _ome(tiff.ome_metadata) if tiff.ome_metadata else _lsm(tiff) if tiff.is_lsm else _tags(tiff)
        sizes = tuple(_length(axis, *told[axis]) if axis in told else 0.0 for axis in axes)
    except (ValueError, ElementTree.ParseError) as error:
        warn_once(log, f"{path}: its voxel size is taken as unknown: {error}; give it with the key SPACING "
                       "(in prediction DATASET.IMAGE.SPACING)")  # fmt: skip
        return ()
    return sizes if all(0 < size < math.inf for size in sizes) else ()


def _length(axis: str, value: Any, unit: str) -> float:
    """A length in micrometres, 0 where it is in pixels.

    Raises:
        ValueError: when it is no number, or its unit is not known.
    """
    try:
        number = abs(float(value))
    except (TypeError, ValueError):
        raise ValueError(f"along {axis.lower()} it is {value!r}, not a number") from None
    factor = micrometres(unit)
    if number and factor is None:
        raise ValueError(f"its unit {unit!r} is not a known unit of length")
    return number * (factor or 0.0)


def _ome(xml: str) -> Told:
    """Physical sizes of the first picture in OME metadata."""
    try:
        elements = ElementTree.fromstring(xml).iter()
    except ElementTree.ParseError as error:
        raise ValueError(f"its OME metadata are not valid XML ({error})") from error
    pixels = next((one.attrib for one in elements if one.tag.rpartition("}")[2] == "Pixels"), {})
    sizes = {axis: pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"}
    return {a: (n, pixels.get(f"PhysicalSize{a}Unit", "um")) for a, n in sizes.items() if n is not None}


def _lsm(tiff: Any) -> Told:
    told = tiff.lsm_metadata or {}
    return {axis: (told.get(f"VoxelSize{axis}", 0), "m") for axis in "ZYX"}


def _tags(tiff: Any) -> Told:
    """Voxel size from the resolution tags, in ImageJ's unit or their own."""
    tags, imagej = tiff.pages[0].tags, tiff.imagej_metadata or {}
    own = {2: "inch", 3: "cm"}.get(tags.valueof("ResolutionUnit", 2), "")
    unit = str(imagej.get("unit") or own)
    told = {
        "Y": (_per_pixel(tags, "YResolution"), str(imagej.get("yunit") or unit)),
        "X": (_per_pixel(tags, "XResolution"), unit),
    }
    if unit in _PRINTING and max(_length(axis, *size) for axis, size in told.items()) > _PLAUSIBLE:
        return {}
    if imagej.get("unit") or imagej.get("zunit"):
        # ImageJ omits a distance between planes of exactly 1
        told["Z"] = imagej.get("spacing", 1.0), str(imagej.get("zunit") or unit)
    return told


def _per_pixel(tags: Any, name: str) -> float:
    """Units per pixel, from pixels per unit as a fraction; 0 when there is none.

    Raises:
        ValueError: when the tag is no fraction.
    """
    value = tags.valueof(name)
    if value is None:
        return 0.0
    if not isinstance(value, tuple) or len(value) != 2:
        raise ValueError(f"its tag {name} is {value!r}, not a fraction of two numbers")
    pixels, units = value
    return units / pixels if pixels else 0.0
