"""Units of length as files spell them, in micrometres."""

from __future__ import annotations

import re
import unicodedata

_PREFIXES = {
    "": 1e6, "p": 1e-6, "pico": 1e-6, "n": 1e-3, "nano": 1e-3, "u": 1.0, "μ": 1.0, "micro": 1.0,
    "m": 1e3, "milli": 1e3, "c": 1e4, "centi": 1e4, "d": 1e5, "deci": 1e5, "k": 1e9, "kilo": 1e9,
}  # fmt: skip
"""Micrometres in a metre with this prefix, short or written out; the micro sign is μ after NFKC."""

_METRE = re.compile("(?P<short>[pnuμmcdk]?)m|(?P<long>[a-z]*?)met(?:re|er)s?")

_OTHERS = {
    **dict.fromkeys(("micron", "microns", "micra", "μ"), 1.0),
    **dict.fromkeys(("å", "angstrom", "angstroms", "ångström", "ångströms"), 1e-4),
    **dict.fromkeys(("in", "inch", "inches", '"'), 25400.0),
    **dict.fromkeys(("", "pixel", "pixels", "px", "voxel", "voxels", "reference frame", "none"), 0.0),
}


def micrometres(unit: str) -> float | None:
    r"""Micrometres in a unit of length, whatever its spelling.

    Args:
        unit: as a file has it, such as 'um', '\u00B5m', 'microns', 'micrometres', 'nm', 'Millimeter',
            'inch', also per pixel ('um/px').

    Returns:
        The factor; 0 where the file says that it has no unit of length ('pixel', ''), None where the unit
        is not known.

    Example:
        >>> micrometres("nanometers"), micrometres("pixel"), micrometres("furlong")
        (0.001, 0.0, None)
    """
    plain = re.sub(r"\\u00b5", "μ", unit.strip("\0 "), flags=re.IGNORECASE).replace("Âµ", "μ")
    plain = unicodedata.normalize("NFKC", plain).lower().strip(" .")
    plain = re.sub(r"(?<=.)\s*(/|per)\s*(px|pixels?|voxels?|planes?|slices?)$", "", plain)
    if plain in _OTHERS:
        return _OTHERS[plain]
    metre = _METRE.fullmatch(plain)
    return _PREFIXES.get(metre["short"] or metre["long"] or "") if metre else None
