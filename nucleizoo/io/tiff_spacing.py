"""Voxel sizes from the metadata of TIFF files: OME, ImageJ or resolution tags."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

import tifffile

_MICROMETRES = {
    "pm": 1e-6, "å": 1e-4, "nm": 1e-3, "nanometer": 1e-3, "μm": 1.0, "um": 1.0, "micron": 1.0,
    "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0, "mm": 1e3, "millimeter": 1e3, "cm": 1e4,
    "m": 1e6, "inch": 25400.0, "in": 25400.0,
}  # fmt: skip
"""Units of length, in micrometres, as they are spelt in files; NFKC and lower case."""

_PRINTING = ("cm", "inch", "in")
"""Units in which programs store a print resolution by default."""

_PLAUSIBLE = 50.0
"""Micrometres per pixel; above it, a resolution in a printing unit is for print (72 dpi = 353 um)."""


def spacing_of(tiff: Any, is_volume: bool) -> tuple[float, ...]:
    """Voxel size of a file in micrometres: (z, y, x) or (y, x), () unless it is known for every axis."""
    if tiff.ome_metadata:
        sizes = _ome(tiff.ome_metadata)
    else:
        sizes = _resolution(tiff)
    wanted = sizes if is_volume else sizes[1:]
    return wanted if all(0 < s < math.inf for s in wanted) else ()


def _ome(xml: str) -> tuple[float, ...]:
    """Physical sizes (z, y, x) of the first picture in OME metadata, 0 where one is missing."""
    image = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    return tuple(
        float(pixels.get(f"PhysicalSize{axis}", 0)) * _unit(pixels.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "ZYX"
    )


def _resolution(tiff: Any) -> tuple[float, ...]:
    """Voxel size (z, y, x) from the resolution tags, in ImageJ's unit or their own; 0 where unknown."""
    page, imagej = tiff.pages[0], tiff.imagej_metadata or {}
    own = {2: "inch", 3: "cm"}.get(int(page.tags.valueof("ResolutionUnit", 2)), "")
    unit = str(imagej.get("unit") or own)
    micrometres = _unit(unit)
    y, x = (_pixel(page.tags.valueof(f"{axis}Resolution")) * micrometres for axis in "YX")
    if unit in _PRINTING and max(y, x) > _PLAUSIBLE:
        return 0.0, 0.0, 0.0
    # ImageJ omits a distance between planes of exactly 1
    z = abs(float(imagej.get("spacing", 1.0))) * micrometres if imagej.get("unit") else 0.0
    return z, y, x


def _pixel(resolution: tuple[int, int] | None) -> float:
    """Units per pixel, from pixels per unit as a fraction; 0 when there is none."""
    pixels, units = resolution or (0, 0)
    return units / pixels if pixels else 0.0


def _unit(name: str) -> float:
    """Micrometres in a unit of length, 0 for anything else ('pixel')."""
    plain = unicodedata.normalize("NFKC", name.replace("\\u00B5", "µ")).strip().lower()
    return _MICROMETRES.get(plain, 0.0)
