"""Units of length are known in every spelling that files have, and no other word is taken for one."""

import pytest

from nucleizoo.io.units import micrometres

SPELLINGS = {
    1e-4: ["Å", "\u212b", "angstrom", "Ångström"],
    1e-3: ["nm", "nanometer", "nanometers", "nanometre", "Nanometres", "nm/px"],
    1.0: [
        "um", "UM", "µm", "μm", "\\u00B5m", "\\u00b5m", "Âµm", "micron", "microns", "Micrometer",
        "micrometers", "micrometre", "micrometres", " um ", "um\0", "um.", "um/pixel", "µ",
        "micron per voxel",
    ],
    1e3: ["mm", "millimeter", "millimetres"],
    1e4: ["cm", "centimeters", "centimetre"],
    1e6: ["m", "meter", "metres"],
    25400.0: ["in", "inch", "Inches"],
    0.0: ["", "pixel", "Pixels", "px", "voxel", "reference frame"],
}  # fmt: skip


@pytest.mark.parametrize("unit, size", [(unit, size) for size, units in SPELLINGS.items() for unit in units])
def test_every_spelling_of_a_unit_is_known(unit, size):
    assert micrometres(unit) == pytest.approx(size)


@pytest.mark.parametrize("unit", ["furlong", "s", "second", "parameter", "xm", "meterstick", "1,5", "2"])
def test_a_word_that_is_no_unit_of_length_is_not_known(unit):
    assert micrometres(unit) is None
