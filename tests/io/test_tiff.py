"""What a TIFF says of itself is honoured, or refused by name; what it lacks is told."""

import lzma
import struct
import tracemalloc
import zlib
from contextlib import closing

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names
from support.raw_tiff import raw_tiff

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import assumptions

GREY = np.random.default_rng(0).integers(0, 256, (20, 31), np.uint8)
STACK = np.random.default_rng(1).integers(0, 60000, (6, 40, 48)).astype(np.uint16)
RGB = np.random.default_rng(2).integers(0, 256, (40, 48, 3), np.uint8)


def whole(path, **settings):
    """The values that are read, the same in memory and by parts; channels last."""
    volume = io.read(path, **settings)
    with closing(io.open_lazily(path, **settings)) as opened:
        assert opened.spacing == volume.spacing
        space = "".join(axis for axis in opened.space)
        data = opened.read(tuple(slice(0, opened.shape[opened.axes.index(axis)]) for axis in space))
        if not opened.stacks:
            found = np.moveaxis(data, 0, -1)
            np.testing.assert_array_equal(found if "C" in volume.axes else found[..., 0], volume.data)
            assert data.dtype == volume.data.dtype
    return volume.data


def refused(path, *words):
    """The file is refused with these words, in memory and by parts."""
    for read in (io.read, io.open_lazily):
        with pytest.raises(ImageReadError) as caught:
            read(path)
        message = str(caught.value)
        for word in (path.name, *words):
            assert word in message, message


def same(path, wanted, **settings):
    found = whole(path, **settings)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


# --- samples, colours


@pytest.mark.parametrize("compression", [
    None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "lzma", "zstd",
])  # fmt: skip
@pytest.mark.parametrize("mode", ["1", "L", "I;16", "I;16B", "I", "F", "RGB"])
def test_what_pillow_writes_is_read(tmp_path, mode, compression):
    data = {
        "1": GREY > 99, "L": GREY, "I;16": STACK[0], "I;16B": STACK[0].astype(">u2"),
        "I": STACK[0].astype(np.int32) - 9, "F": STACK[0].astype(np.float32) / 7, "RGB": RGB,
    }[mode]  # fmt: skip
    picture = Image.frombytes("I;16B", (48, 40), data.tobytes()) if mode == "I;16B" else Image.fromarray(data)
    picture.save(tmp_path / "a.tif", compression=compression)
    same(tmp_path / "a.tif", data.astype(data.dtype.newbyteorder("=")))


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "tiff_lzw"])
def test_a_fax_is_read_as_it_is_shown(tmp_path, compression):
    mask = np.zeros((20, 31), bool)
    mask[5:9, 4:30] = True
    Image.fromarray(mask).save(tmp_path / "a.tif", compression=compression)
    same(tmp_path / "a.tif", mask)
    same(tmp_path / "a.tif", mask, usual="label")


@pytest.mark.parametrize("usual", ["image", "label"])
def test_a_mask_of_python_is_what_was_written(tmp_path, usual):
    tifffile.imwrite(tmp_path / "a.tif", GREY > 99)  # as WhiteIsZero, which is tifffile's default for bool
    same(tmp_path / "a.tif", GREY > 99, usual=usual)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("fill", [1, 2])
@pytest.mark.parametrize("sense", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
def test_packed_bits_are_unpacked(tmp_path, bits, sense, fill, order):
    values = np.random.default_rng(bits).integers(0, 2**bits, (7, 11))
    rows = np.concatenate([(values >> bit & 1)[..., None] for bit in range(bits - 1, -1, -1)], -1)
    packed = np.packbits(rows.reshape(7, -1), axis=1, bitorder="big" if fill == 1 else "little")
    tags = {258: (3, [bits]), 262: (3, [sense]), 266: (3, [fill])}
    path = raw_tiff(tmp_path / "a.tif", (7, 11), packed.tobytes(), tags, order=order)
    wanted = values if sense else 2**bits - 1 - values
    same(path, wanted.astype(bool if bits == 1 else "u1" if bits <= 8 else "u2"))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32])
def test_white_is_zero_is_turned_over_but_for_ids_and_said_once(tmp_path, caplog, dtype):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(dtype), photometric="miniswhite", tile=(16, 16))
    stored = GREY.astype(dtype)
    same(tmp_path / "a.tif", stored if dtype == np.float32 else np.bitwise_not(stored))
    assert caplog.text.count("a.tif: says WhiteIsZero") == 1
    same(tmp_path / "a.tif", stored, usual="label")


@pytest.mark.parametrize(("name", "known"), [
    ("a.ome.tif", [(b'SizeZ="6"', b'SizeZ="5"')]),
    ("a.tif", [(b"images=6", b"images=5"), (b"slices=6", b"slices=5")]),
])  # fmt: skip
def test_planes_that_the_metadata_do_not_know_of_are_told(tmp_path, caplog, name, known):
    stack, path = np.arange(6 * 8 * 9, dtype=np.uint16).reshape(6, 8, 9), tmp_path / name
    tifffile.imwrite(path, stack, imagej=name == "a.tif", metadata={"axes": "ZYX"}, compression="zlib")
    same(path, stack)
    caplog.clear()
    content = path.read_bytes()
    for right, wrong in known:
        assert right in content
        content = content.replace(right, wrong)
    path.write_bytes(content)
    same(path, stack[:5])
    names(caplog.text, path, "6 planes", "know of 5")


def test_without_a_photometric_interpretation_nothing_is_turned_over(tmp_path):
    same(raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes(), left_out=[262]), GREY)


@pytest.mark.parametrize(("extra", "kept"), [
    ([0], 4), ([1], 3), ([2], 3), ([0, 0], 5), ([0, 2], 4), ([2, 0], 4), ([], 3),
])  # fmt: skip
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("how", [{}, {"tile": (16, 16), "compression": "zlib"}])
def test_of_extra_samples_only_alpha_is_left_out(tmp_path, extra, kept, planar, how):
    samples = np.random.default_rng(3).integers(0, 255, (40, 48, 3 + len(extra)), np.uint8)
    stored = samples if planar == "contig" else np.moveaxis(samples, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", extrasamples=extra, planarconfig=planar, **how
    )
    channels = [i for i in range(3 + len(extra)) if i < 3 or extra[i - 3] == 0]
    assert len(channels) == kept
    same(tmp_path / "a.tif", samples[..., channels])
    with closing(io.open_lazily(tmp_path / "a.tif")) as opened:
        last = opened.read((slice(3, 33), slice(8, 41)), channel=kept - 1)
    np.testing.assert_array_equal(last[0], samples[3:33, 8:41, channels[-1]])


@pytest.mark.parametrize(("extra", "kept"), [([0], 2), ([1], 1), ([2], 1), ([0, 0, 0], 4), ([0, 0, 2], 3)])
def test_grey_samples_are_channels_unless_they_are_alpha(tmp_path, extra, kept):
    samples = np.random.default_rng(3).integers(0, 255, (40, 48, 1 + len(extra)), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="minisblack", extrasamples=extra)
    assert io.read(tmp_path / "a.tif").data.shape == (40, 48, kept)
    same(tmp_path / "a.tif", samples[..., :kept])


@pytest.mark.parametrize("writer", ["pillow", "tifffile", "tifffile ycbcr"])
def test_jpeg_gives_rgb(tmp_path, writer):
    smooth = np.stack(np.broadcast_arrays(np.arange(48) * 5, np.arange(32)[:, None] * 6, 77), -1).astype("u1")
    if writer == "pillow":
        Image.fromarray(smooth).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    else:
        colour = {"subsampling": (2, 2)} if "ycbcr" in writer else {}
        tifffile.imwrite(tmp_path / "a.tif", smooth, photometric="rgb", compression="jpeg", **colour,
                         tile=(16, 16), compressionargs={"level": 95})  # fmt: skip
    assert np.abs(whole(tmp_path / "a.tif").astype(int) - smooth).max() < 12


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "SEPARATED"), ("YCbCr", "YCBCR"), ("LAB", "CIELAB")])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_colours_other_than_rgb_are_refused_by_name(tmp_path, mode, name, compression):
    channels = [Image.fromarray(GREY)] * len(Image.new(mode, (1, 1)).getbands())
    Image.merge(mode, channels).save(tmp_path / "a.tif", compression=compression)
    refused(tmp_path / "a.tif", name, "RGB")


@pytest.mark.parametrize("number", [9, 32803, 32844, 4711])
def test_so_are_those_of_cameras_and_unknown_ones(tmp_path, number):
    refused(raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes(), {262: (3, [number])}), str(number))


@pytest.mark.parametrize(("tags", "words"), [
    ({259: (3, [34713])}, ["NIKON_NEF"]), ({259: (3, [4711])}, ["4711"]),
    ({259: (3, [8]), 317: (3, [77])}, ["predictor 77"]),
    ({258: (3, [8]), 339: (3, [3])}, ["8 bits", "IEEEFP"]),
    ({258: (3, [8]), 339: (3, [99])}, ["99"]), ({258: (3, [48])}, ["48 bits"]),
    ({258: (3, [32]), 339: (3, [5])}, ["complex"]),
])  # fmt: skip
def test_what_cannot_be_decoded_is_named_and_not_called_damaged(tmp_path, tags, words):
    path = raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes() * 8, tags)
    refused(path, *words, "save it")
    with pytest.raises(ImageReadError, match=r"^(?!.*damaged)(?!.*truncated).*$"):
        io.read(path)


def test_a_palette_is_not_applied_and_said_where_it_is_no_ramp(tmp_path, caplog):
    ramp = np.stack([np.arange(256) * 256, np.zeros(256), np.zeros(256)]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="palette", colormap=ramp)
    same(tmp_path / "a.tif", GREY)
    assert "colour palette" not in caplog.text
    tifffile.imwrite(tmp_path / "b.tif", GREY, photometric="palette", colormap=ramp[:, ::-1])
    same(tmp_path / "b.tif", GREY)
    assert caplog.text.count("colour palette") == 1
    same(tmp_path / "b.tif", GREY, usual="label")
    assert caplog.text.count("colour palette") == 1


# --- pages


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"predictor": True, "compression": "lzw"}])
def test_volumetric_tiles_are_read(tmp_path, how):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, tile=(4, 16, 32), volumetric=True, photometric="minisblack", **how
    )
    same(tmp_path / "a.tif", STACK)
    colour = np.stack([STACK, STACK + 1, STACK + 2], -1)
    tifffile.imwrite(tmp_path / "b.tif", colour, tile=(4, 16, 16), volumetric=True, photometric="rgb", **how)
    same(tmp_path / "b.tif", colour)


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_stacks_of_colours_are_read(tmp_path, how, planar):
    colour = np.stack([STACK, STACK + 1, STACK + 2], -1 if planar == "contig" else 1)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb", planarconfig=planar, metadata=None, **how)
    found = io.read(tmp_path / "a.tif")
    assert found.axes == "TYXC"
    np.testing.assert_array_equal(found.data, np.stack([STACK, STACK + 1, STACK + 2], -1))
    same(tmp_path / "a.tif", found.data)


def test_thumbnails_masks_and_smaller_levels_are_left_aside(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(STACK[0], metadata=None)
        file.write(STACK[0, ::4, ::4], subfiletype=1, metadata=None)
        file.write(STACK[0] > 9, subfiletype=4, metadata=None)
    same(tmp_path / "a.tif", STACK[0])
    with tifffile.TiffWriter(tmp_path / "b.ome.tif") as file:
        file.write(STACK, subifds=1, tile=(16, 16), metadata={"axes": "ZYX"})
        file.write(STACK[:, ::2, ::2], subfiletype=1, tile=(16, 16))
    same(tmp_path / "b.ome.tif", STACK)
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        file.write(STACK[0], metadata=None)
        file.write(STACK[0, 1:], metadata=None)
    refused(tmp_path / "c.tif", "2 pictures", "40x48", "39x48")


def test_a_picture_that_calls_itself_a_thumbnail_is_read_where_there_is_no_other(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, subfiletype=1, photometric="minisblack")
    same(tmp_path / "a.tif", STACK)


def test_a_fourth_plane_that_is_called_alpha_is_left_out_and_said_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(assumptions, "_SAID", set())
    caplog.set_level("INFO")
    for name in "ab":  # what programs write that take four planes for a picture with transparency
        tifffile.imwrite(
            tmp_path / f"{name}.tif", STACK[:4], photometric="rgb", planarconfig="separate",
            extrasamples=["unassalpha"],
        )  # fmt: skip
        np.testing.assert_array_equal(whole(tmp_path / f"{name}.tif"), np.moveaxis(STACK[:3], 0, -1))
    assert caplog.text.count("alpha") == 1
    names(caplog.text, tmp_path / "a.tif", "ExtraSamples 0")


def test_an_orientation_is_told_and_not_applied(tmp_path, caplog):
    same(raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes(), {274: (3, [6])}), GREY)
    assert caplog.text.count("a.tif: is to be shown turned") == 1


def test_pages_of_different_compressions_are_not_mixed_up(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane, compression in zip(STACK, [None, "zlib", None, "lzw", "zstd", None], strict=True):
            file.write(plane, compression=compression, metadata=None, photometric="minisblack")
    try:
        found = whole(tmp_path / "a.tif")
    except ImageReadError as error:
        assert "a.tif" in str(error)
    else:
        np.testing.assert_array_equal(found, STACK)


def shorten(path, pages):
    """End the chain of pages after some."""
    with tifffile.TiffFile(path) as file:
        last, format = file.pages[pages - 1], file.tiff
        end = (
            last.offset
            + format.tagnosize
            + len(last.aspage().tags if pages > 1 else last.tags) * format.tagsize
        )
    with path.open("r+b") as raw:
        raw.seek(end)
        raw.write(bytes(format.offsetsize))


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
@pytest.mark.parametrize("there", [1, 4])
def test_planes_that_ome_promises_and_the_file_lacks_are_counted(tmp_path, how, there):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": "ZYX"}, **how)
    shorten(path, there)
    refused(path, f"lacks {6 - there} planes", "of 6", f"plane {there}.0.0")
    assert io.dims_of(path) == 3  # which the command line asks before it knows what may be missing
    black = STACK.copy()
    black[there:] = 0
    np.testing.assert_array_equal(io.read(path, missing=True).data, black)
    for black_if in ({"missing": True}, {"skip_damaged": True}):
        with closing(io.open_lazily(path, **black_if)) as opened:
            np.testing.assert_array_equal(opened.whole(), black)
            assert len(opened.skipped) == (6 - there if "skip_damaged" in black_if else 0)


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}])
@pytest.mark.parametrize("kind", ["imagej", "shaped"])
def test_so_are_those_that_imagej_and_tifffile_promise(tmp_path, kind, how):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, imagej=kind == "imagej", metadata={"axes": "ZYX"}, **how)
    if not how:  # in one piece: its end is cut off
        path.write_bytes(path.read_bytes()[: -STACK[0].nbytes])
    else:
        shorten(path, 4)
    refused(path, "4 of " if how else "page 2 lies beyond", "copy it again")


@pytest.mark.parametrize("how", [
    {"tile": (16, 16)}, {"tile": (16, 16), "compression": "zlib"}, {"rowsperstrip": 8, "compression": "lzw"},
    {"tile": (16, 16), "planarconfig": "separate"}, {"tile": (16, 16), "photometric": "miniswhite"},
])  # fmt: skip
def test_a_sparse_tile_is_zero(tmp_path, how):
    planar = how.get("planarconfig") == "separate"
    data = np.moveaxis(RGB, -1, 0).copy() if planar else GREY[:16, :16].repeat(3, 0).repeat(2, 1)
    how = {"photometric": "rgb" if planar else "minisblack"} | how
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None, **how)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        page = file.pages[0]
        offsets, counts = list(page.dataoffsets), list(page.databytecounts)
        offsets[1] = counts[1] = 0
        page.tags[324 if page.is_tiled else 273].overwrite(offsets)
        page.tags[325 if page.is_tiled else 279].overwrite(counts)
        rows, columns = (
            (slice(8, 16), slice(None)) if "rowsperstrip" in how else (slice(0, 16), slice(16, 32))
        )
    stored = np.bitwise_not(data) if how["photometric"] == "miniswhite" else data.copy()
    stored[(0, rows, columns) if planar else (rows, columns)] = 0
    same(tmp_path / "a.tif", np.moveaxis(stored, 0, -1) if planar else stored)


# --- metadata


@pytest.mark.parametrize(("told", "wanted"), [
    ({"unit": "um", "zunit": "nm", "spacing": 1500.0}, (1.5, 0.5, 0.25)),
    ({"unit": "nm", "yunit": "um", "zunit": "mm", "spacing": 0.001}, (1.0, 0.5, 0.00025)),
    ({"unit": "micrometers", "spacing": 1.5}, (1.5, 0.5, 0.25)),
    ({"unit": "\\u00B5m", "spacing": -1.5}, (1.5, 0.5, 0.25)),
    ({"unit": "pixel", "zunit": "um", "spacing": 1.5}, ()),
])  # fmt: skip
def test_imagej_has_a_unit_for_every_axis(tmp_path, told, wanted):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, imagej=True, resolution=(4, 2), metadata={"axes": "ZYX"} | told
    )
    assert io.read(tmp_path / "a.tif").spacing == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("told", "word"), [
    ({"unit": "um", "spacing": "1,5"}, "'1,5'"), ({"unit": "furlong", "spacing": 2}, "'furlong'"),
    ({"unit": "um", "zunit": "planes?", "spacing": 2}, "'planes?'"), ({"unit": "um", "spacing": "nan"}, ""),
    ({"unit": "um", "spacing": "wide"}, "'wide'"),
])  # fmt: skip
def test_a_size_of_imagej_that_cannot_be_parsed_is_unknown_and_told(tmp_path, caplog, told, word):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, imagej=True, resolution=(4, 2), metadata={"axes": "ZYX"} | told
    )
    same(tmp_path / "a.tif", STACK)
    assert io.read(tmp_path / "a.tif").spacing == ()
    assert not word or (caplog.text.count("a.tif: its voxel size") == 1 and word in caplog.text)


@pytest.mark.parametrize("tag", [
    (3, [72]), (4, [7200]), (11, [7200.0]), (12, [1.0]), (2, list(b"1,5\0")), (5, [0, 0]), (5, [1, 0]),
    (5, [0, 1]),
])  # fmt: skip
def test_a_resolution_of_any_type_leaves_the_pixels_alone(tmp_path, tag):
    path = raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes(), {282: tag, 283: tag, 296: (3, [3])})
    same(path, GREY)
    assert io.read(path).spacing == ()


def ome(**attributes):
    """OME metadata of GREY, with other attributes of its pixels."""
    usual = {
        "DimensionOrder": "XYZCT",
        "Type": "uint8",
        "SizeX": 31,
        "SizeY": 20,
        "SizeZ": 1,
        "SizeC": 1,
        "SizeT": 1,
    }
    words = " ".join(f"{name}='{value}'" for name, value in (usual | attributes).items())
    return f"<OME xmlns='a'><Image><Pixels {words}><TiffData/></Pixels></Image></OME>"


@pytest.mark.parametrize("text", [
    "ImageJ=1.53\nimages=many\nslices=x\nunit=\xb5m\nspacing=1,5\n",
    "ImageJ=1.53\nimages=1\nslices=1\nspacing\n===\nunit=\n", "ImageJ=1.53\nimages=1,5\nunit=um",
    "<?xml version='1.0'?><OME>", "<OME><Image><Pixels/></Image></OME>", ome(SizeZ="three"), ome(SizeT=""),
    ome(DimensionOrder="QQ"), ome(PhysicalSizeX="0,5", PhysicalSizeY="wide"), ome(PhysicalSizeX="1e999"),
    ome(PhysicalSizeX=1, PhysicalSizeXUnit="furlong"), '{"shape": [20, 31], "axes": 7}', '{"shape": "large"}',
    '{"shape": [3, 20, 31]', '{"shape": [20, 31], "axes": "YXZ"}', "Gr\xf6\xdfe \xb5", "SCANIMAGE", "\n\n\0x",
])  # fmt: skip
@pytest.mark.parametrize("order", "<>")
def test_descriptions_that_cannot_be_parsed_leave_the_pixels_alone(tmp_path, text, order):
    tags = {270: (2, text.encode("latin-1") + b"\0")}
    path = raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes(), tags, order=order)
    same(path, GREY)
    assert io.read(path).spacing == ()


@pytest.mark.parametrize("tags", [
    {306: (2, b"yesterday\0")}, {305: (2, b"\xff\xfe\0")}, {274: (3, [77])}, {296: (3, [99])},
    {296: (2, b"cm\0")}, {50839: (1, b"IJIJ????"), 50838: (4, [99, 99])}, {42113: (2, b"none\0")},
    {34412: (1, [0] * 600)}, {34665: (4, [0])}, {700: (1, [0, 1, 2, 3, 4])}, {33550: (12, [1.0])},
    {254: (2, b"x\0")}, {255: (3, [9])}, {33628: (4, [1, 2]), 33629: (5, [1, 2])}, {51123: (2, b"{\0")},
])  # fmt: skip
def test_metadata_that_cannot_be_parsed_leave_the_pixels_alone(tmp_path, tags):
    same(raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes(), tags), GREY)


def test_a_private_tag_that_leads_out_of_the_file_is_left_out_with_a_word(tmp_path, caplog):
    path = raw_tiff(tmp_path / "a.tif", GREY.shape, GREY.tobytes(), {65000: (4, [1, 2, 3])})
    stored = path.read_bytes()
    at = stored.index(struct.pack("<HHI", 65000, 4, 3))
    path.write_bytes(stored[: at + 8] + struct.pack("<I", 10**8) + stored[at + 12 :])
    same(path, GREY)
    assert "tag 65000" in caplog.text


def test_lsm_is_read_with_its_axes_and_voxel_size(tmp_path):
    info = np.zeros(1, np.dtype([(name, "<" + kind) for name, kind in tifffile.TIFF.CZ_LSMINFO]))
    info["MagicNumber"], info["StructureSize"] = 67127628, info.itemsize
    info["DimensionX"], info["DimensionY"], info["DimensionZ"] = 48, 40, 6
    info["DimensionChannels"], info["DimensionTime"] = 1, 1
    info["VoxelSizeX"], info["VoxelSizeY"], info["VoxelSizeZ"] = 0.25e-6, 0.5e-6, 2e-6
    with tifffile.TiffWriter(tmp_path / "a.lsm") as file:
        for index, plane in enumerate(STACK):
            tags = [] if index else [(34412, 1, info.nbytes, info.tobytes(), True)]
            file.write(plane, metadata=None, extratags=tags, compression="lzw")
            file.write((plane[::4, ::4, None] >> 8).repeat(3, -1).astype("u1"), subfiletype=1, metadata=None)
    same(tmp_path / "a.lsm", STACK)
    found = io.read(tmp_path / "a.lsm")
    assert found.axes == "ZYX" and found.spacing == pytest.approx((2.0, 0.5, 0.25))
    assert io.find(tmp_path) == [tmp_path / "a.lsm"]


# --- limits


def test_values_are_limited_by_their_bytes(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", STACK)
    monkeypatch.setattr("nucleizoo.io.volume.MAX_BYTES", STACK.nbytes - 1)
    with pytest.raises(io.TooManyVoxels, match=r"a\.tif: .*6x40x48.*uint16.*--blocks"):
        io.read(tmp_path / "a.tif")
    np.save(tmp_path / "a.npy", STACK.astype(np.uint8))
    assert io.read(tmp_path / "a.npy").data.shape == STACK.shape


def test_a_small_file_that_asks_for_gigabytes_is_refused_before_it_is_decoded(tmp_path):
    strip = zlib.compress(bytes(1000 * 30000), 9)
    tags = {258: (3, [8]), 259: (3, [8]), 256: (4, [30000]), 257: (4, [40000]), 278: (4, [1000]),
            273: (4, [8] * 40), 279: (4, [len(strip)] * 40)}  # fmt: skip
    path = raw_tiff(tmp_path / "a.tif", (1, 1), strip, tags)
    with pytest.raises(io.TooManyVoxels, match=r"a\.tif: .*40000x30000.* 1\.2 GB.*--blocks"):
        io.read(path)
    with closing(io.open_lazily(path)) as opened:  # part by part it is small
        assert not opened.read((slice(20000, 20010), slice(0, 10))).any()
    raw_tiff(path, (1, 1), strip, tags | {278: (4, [40000]), 273: (4, [8]), 279: (4, [len(strip)])})
    refused(path, "1.2 GB")


@pytest.mark.parametrize(("number", "packed"), [
    (8, zlib.compress), (34925, lzma.compress), (50000, imagecodecs.zstd_encode), (5, imagecodecs.lzw_encode),
])  # fmt: skip
def test_a_strip_that_unpacks_to_more_than_it_should_takes_no_more_memory(tmp_path, number, packed):
    strip = packed(GREY.tobytes() + bytes(10**7))
    path = raw_tiff(tmp_path / "a.tif", GREY.shape, strip, {259: (3, [number])})
    tracemalloc.start()
    try:
        same(path, GREY)
    except ImageReadError as error:
        assert "a.tif" in str(error)
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 4_000_000
