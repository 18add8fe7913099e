"""Stacks of one series whose planes are stored in different ways."""

from contextlib import closing

import numpy as np
import pytest
import tifffile
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError

STACK = np.random.default_rng(0).integers(0, 60000, (3, 64, 70)).astype(np.uint16).cumsum(axis=2, dtype="u2")
DESCRIPTIONS = {
    "imagej": "ImageJ=1.53t\nimages=3\nslices=3\n",
    "ome": '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="70" SizeY="64" '
    'SizeZ="3" SizeC="1" SizeT="1"><Channel ID="Channel:0" SamplesPerPixel="1"/><TiffData/></Pixels></Image>'
    "</OME>",
}
PLAIN, ZIP, LZW = {}, {"compression": "zlib"}, {"compression": "lzw"}
PREDICTED = {"compression": "zlib", "predictor": True}


def write(path, kind, ways):
    """One series, as its description says, each plane stored in its own way."""
    with tifffile.TiffWriter(path) as file:
        for index, (plane, way) in enumerate(zip(STACK, ways, strict=True)):
            told = {} if index else {"description": DESCRIPTIONS[kind]}
            file.write(plane, metadata=None, **{"photometric": "minisblack"} | told | way)
    return path


@pytest.mark.parametrize("kind", DESCRIPTIONS)
@pytest.mark.parametrize("ways", [
    (ZIP, LZW, PLAIN), (LZW, ZIP, ZIP), (PREDICTED, ZIP, ZIP), (ZIP, PREDICTED, LZW),
    tuple(way | {"tile": (16, 32)} for way in (PREDICTED, ZIP, LZW)),
])  # fmt: skip
def test_planes_of_different_compression_are_read(tmp_path, kind, ways):
    path = write(tmp_path / "a.tif", kind, ways)
    volume = io.read(path)
    assert volume.axes == "ZYX"
    np.testing.assert_array_equal(volume.data, STACK)
    with closing(io.open_lazily(path)) as opened:
        np.testing.assert_array_equal(opened.read(np.s_[1:3, 20:50, 7:60])[0], STACK[1:3, 20:50, 7:60])


def test_planes_of_which_the_first_is_not_compressed_are_read(tmp_path):
    np.testing.assert_array_equal(io.read(write(tmp_path / "a.tif", "ome", (PLAIN, ZIP, LZW))).data, STACK)


@pytest.mark.parametrize("kind", DESCRIPTIONS)
@pytest.mark.parametrize("ways", [
    (ZIP, ZIP | {"photometric": "miniswhite"}, ZIP), (ZIP | {"tile": (16, 16)}, ZIP, ZIP),
    (ZIP, ZIP | {"rowsperstrip": 16}, ZIP),
    (ZIP | {"tile": (16, 32)}, ZIP | {"tile": (32, 16)}, ZIP | {"tile": (16, 32)}),
])  # fmt: skip
def test_planes_that_differ_in_more_are_refused_by_name(tmp_path, kind, ways):
    path = write(tmp_path / "a.tif", kind, ways)
    with pytest.raises(ImageReadError) as caught:
        io.read(path)
    names(caught.value, path, "different ways", "save it again")
