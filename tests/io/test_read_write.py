import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import Volume

RAMP = np.arange(6 * 40 * 30, dtype=np.uint16).reshape(6, 40, 30)
NOISE = np.random.default_rng(0).integers(0, 60000, (10, 64, 64)).astype(np.uint16)


def refused(path, *words, **settings):
    """The file is refused, with its name and all words in the message."""
    with pytest.raises(ImageReadError) as caught:
        io.read(path, **settings)
    message = str(caught.value)
    for word in (path.name, *words):
        assert word in message, message


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


# --- what a volume is


@pytest.mark.parametrize(("axes", "spacing"), [("XY", ()), ("ZYXC", ()), ("YXZ", ()), ("ZYX", (1.0, 1.0))])
def test_a_volume_refuses_axes_that_do_not_fit(axes, spacing):
    with pytest.raises(ValueError, match=r"axes|spacing"):
        Volume(RAMP, axes, spacing)


# --- pictures


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".PNG"])
def test_grey_pictures_come_back_as_they_were(tmp_path, suffix):
    Image.fromarray(RAMP[0].astype(np.uint8)).save(tmp_path / f"a{suffix}")
    found = io.read(tmp_path / f"a{suffix}")
    assert found.axes == "YX" and found.data.dtype == np.uint8 and found.spacing == ()
    assert np.array_equal(found.data, RAMP[0].astype(np.uint8))


def test_png_keeps_16_bits_and_1_bit_is_bool(tmp_path):
    Image.fromarray(NOISE[0]).save(tmp_path / "a.png")
    Image.fromarray(RAMP[0] > 500).save(tmp_path / "b.png")
    assert np.array_equal(io.read(tmp_path / "a.png").data, NOISE[0])
    mask = io.read(tmp_path / "b.png").data
    assert mask.dtype == bool and np.array_equal(mask, RAMP[0] > 500)


def test_jpeg_is_near_what_was_stored(tmp_path):
    smooth = np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(io.read(tmp_path / "a.jpg").data.astype(int) - smooth).max() < 8


@pytest.mark.parametrize("mode", ["RGBA", "P", "RGB"])
def test_colour_comes_as_three_channels(tmp_path, mode):
    red = Image.new("RGBA", (30, 40), (250, 0, 10, 128))
    red.convert("RGB").convert(mode).save(tmp_path / "a.png") if mode != "RGBA" else red.save(
        tmp_path / "a.png"
    )
    found = io.read(tmp_path / "a.png")
    assert found.axes == "YXC" and found.data.shape == (40, 30, 3)
    assert np.abs(found.data[0, 0].astype(int) - [250, 0, 10]).max() <= 26  # web palette: steps of 51


def test_alpha_of_grey_is_dropped(tmp_path):
    Image.new("LA", (30, 40), (77, 3)).save(tmp_path / "a.png")
    found = io.read(tmp_path / "a.png")
    assert found.axes == "YX" and (found.data == 77).all()


# --- TIFF


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64]
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_keeps_every_type(tmp_path, dtype, compression):
    tifffile.imwrite(tmp_path / "a.tif", RAMP[0].astype(dtype), compression=compression)
    found = io.read(tmp_path / "a.tif")
    assert found.data.dtype == dtype and np.array_equal(found.data, RAMP[0].astype(dtype))


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"metadata": None},
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"predictor": True, "compression": "zlib"},
    ],
)
def test_plain_multi_page_tiff_is_a_stack(tmp_path, layout):
    tifffile.imwrite(tmp_path / "a.tif", RAMP, photometric="minisblack", **layout)
    found = io.read(tmp_path / "a.tif")
    assert found.axes == "TYX" and np.array_equal(found.data, RAMP)
    assert found.data.dtype.isnative


@pytest.mark.parametrize(("axes", "wanted"), [("ZYX", "ZYX"), ("TYX", "TYX"), ("CYX", "YXC")])
def test_imagej_says_what_its_planes_are(tmp_path, axes, wanted):
    tifffile.imwrite(tmp_path / "a.tif", RAMP, imagej=True, metadata={"axes": axes})
    found = io.read(tmp_path / "a.tif")
    assert found.axes == wanted
    assert np.array_equal(found.data, RAMP if wanted != "YXC" else np.moveaxis(RAMP, 0, -1))


def test_a_hyperstack_comes_in_the_order_frames_depth_picture_channels(tmp_path):
    data = np.arange(2 * 3 * 4 * 20 * 10, dtype=np.uint16).reshape(2, 3, 4, 20, 10)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    found = io.read(tmp_path / "a.tif")
    assert found.axes == "TZYXC" and np.array_equal(found.data, np.moveaxis(data, 2, -1))


def test_colour_tiff_loses_its_alpha(tmp_path):
    colour = np.stack([RAMP[0]] * 3 + [RAMP[1]], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(
        tmp_path / "b.tif", np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate"
    )
    for name in "ab":
        found = io.read(tmp_path / f"{name}.tif")
        assert found.axes == "YXC" and np.array_equal(found.data, colour[..., :3])


def test_lzw_is_read_without_further_packages(tmp_path):
    pages = [Image.fromarray(plane) for plane in RAMP]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    assert np.array_equal(io.read(tmp_path / "a.tif").data, RAMP)


def test_files_of_an_ome_set_are_read_each_for_itself(tmp_path):
    files = (("a.tif", 0), ("../b.tif", 1))
    parts = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{z}</UUID></TiffData>'
        for name, z in files
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:0">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
        f'SizeX="30" SizeY="40" SizeZ="2" SizeC="1" SizeT="1">{parts}</Pixels></Image></OME>'
    )
    (tmp_path / "in").mkdir()
    for name, plane in (("in/a.tif", RAMP[0]), ("b.tif", RAMP[1])):
        tifffile.imwrite(tmp_path / name, plane, description=xml, metadata=None)
    assert np.array_equal(io.read(tmp_path / "in" / "a.tif").data.squeeze(), RAMP[0])


# --- voxel sizes


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m", "nm", "mm"])
def test_imagej_units_become_micrometres(tmp_path, unit):
    one = {"nm": 1000.0, "mm": 0.001}.get(unit, 1.0)  # a micrometre in this unit
    tifffile.imwrite(
        tmp_path / "a.tif",
        RAMP,
        imagej=True,
        resolution=(4 / one, 2 / one),
        metadata={"axes": "ZYX", "unit": unit, "spacing": 1.5 * one},
    )
    assert io.read(tmp_path / "a.tif").spacing == pytest.approx((1.5, 0.5, 0.25), rel=1e-5)


@pytest.mark.parametrize("unit", ["nm", "µm", "mm"])
def test_ome_units_become_micrometres(tmp_path, unit):
    one = {"nm": 1000.0, "mm": 0.001}.get(unit, 1.0)
    sizes = {"PhysicalSizeZ": 1.5 * one, "PhysicalSizeY": 0.5 * one, "PhysicalSizeX": 0.25 * one}
    tifffile.imwrite(
        tmp_path / "a.ome.tif", RAMP, metadata={"axes": "ZYX", **sizes, **{f"{k}Unit": unit for k in sizes}}
    )
    found = io.read(tmp_path / "a.ome.tif")
    assert found.axes == "ZYX" and found.spacing == pytest.approx((1.5, 0.5, 0.25))


@pytest.mark.parametrize(
    ("resolution", "unit", "wanted"),
    [
        ((72, 72), 2, ()),
        ((300, 300), 2, ()),
        ((28, 28), 3, ()),
        ((20000, 10000), 3, (1.0, 0.5)),
        ((50800, 50800), 2, (0.5, 0.5)),
        ((20000, 20000), 1, ()),
    ],
)
def test_a_plain_resolution_counts_only_where_it_can_be_a_microscopes(tmp_path, resolution, unit, wanted):
    tifffile.imwrite(tmp_path / "a.tif", RAMP[0], resolution=resolution, resolutionunit=unit, metadata=None)
    assert io.read(tmp_path / "a.tif").spacing == pytest.approx(wanted)


def test_a_size_in_pixels_is_no_size(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        RAMP,
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "ZYX", "unit": "pixel", "spacing": 3},
    )
    assert io.read(tmp_path / "a.tif").spacing == ()


@pytest.mark.parametrize("name", ["voxel_size_um_zyx", "element_size_um", "resolution"])
def test_hdf5_attributes_give_the_voxel_size(tmp_path, name):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"], file["flat"] = RAMP, RAMP[0]
        for dataset in file.values():
            dataset.attrs[name] = [1.5, 0.5, 0.25]
    assert io.read(tmp_path / "a.h5").spacing == (1.5, 0.5, 0.25)
    assert io.read(tmp_path / "a.h5", dataset="flat").spacing == (0.5, 0.25)


def test_unusable_hdf5_sizes_are_unknown(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = RAMP
        file["image"].attrs["element_size_um"] = [0.0, 1.0, 1.0]
        file["image"].attrs["resolution"] = "fine"
    assert io.read(tmp_path / "a.h5").spacing == ()


# --- HDF5 and NumPy


def test_hdf5_takes_the_usual_dataset_or_the_only_one(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"], file["label"] = RAMP, RAMP + 1
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file["deep/raw"] = RAMP
    assert np.array_equal(io.read(tmp_path / "a.h5").data, RAMP)
    assert np.array_equal(io.read(tmp_path / "a.h5", usual="label").data, RAMP + 1)
    assert np.array_equal(io.read(tmp_path / "a.h5", dataset="/label").data, RAMP + 1)
    found = io.read(tmp_path / "b.hdf5")
    assert found.axes == "ZYX" and np.array_equal(found.data, RAMP)


def test_hdf5_asks_when_the_choice_is_open(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"], file["mask"] = RAMP, RAMP
        file.create_group("group")
    refused(tmp_path / "a.h5", "DATASET", "raw", "mask")
    refused(tmp_path / "a.h5", "DATASET", "raw", "mask", dataset="rwa")
    refused(tmp_path / "a.h5", "DATASET", dataset="group")
    refused(tmp_path / "a.h5", "DATASET", dataset="raw/deeper")


def test_hdf5_never_leads_out_of_the_file(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(range(256)) * 4)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["image"] = RAMP
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("external", (32, 32), "u1", external=[(str(secret), 0, 1024)])
        file["link"] = h5py.ExternalLink("other.h5", "/image")
        file["group/soft"] = h5py.SoftLink("/external")
        file["inner"] = h5py.SoftLink("/group")
        layout = h5py.VirtualLayout((6, 40, 30), "u2")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "image", (6, 40, 30))
        file.create_virtual_dataset("virtual", layout)
    for name in ("external", "link", "group/soft", "inner/soft", "virtual"):
        refused(tmp_path / "a.h5", name, dataset=name)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["image"] = h5py.ExternalLink("other.h5", "/image")
    refused(tmp_path / "b.h5", "link")


def test_hdf5_and_numpy_guess_axes(tmp_path):
    for shape, axes in (
        ((40, 30), "YX"),
        ((6, 40, 30), "ZYX"),
        ((40, 30, 3), "YXC"),
        ((6, 40, 30, 3), "ZYXC"),
        ((40, 30, 1), "YXC"),
        ((40, 30, 2), "YXC"),
        ((40, 30, 4), "YXC"),
        ((6, 40, 30, 1), "ZYXC"),
    ):
        np.save(tmp_path / "a.npy", np.ones(shape, np.float32))
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["image"] = np.ones(shape, np.float32)
            file["image"].attrs["element_size_um"] = [3.0, 2.0, 1.0]
        found = io.read(tmp_path / "a.npy")
        assert found.axes == axes and found.data.shape == shape
        assert io.read(tmp_path / "a.h5").spacing == ((3.0, 2.0, 1.0) if "Z" in axes else (2.0, 1.0))
    np.save(tmp_path / "a.npy", np.ones((2, 6, 40, 30)))
    refused(tmp_path / "a.npy", "2x6x40x30")


# --- damage


def test_missing_empty_and_foreign_files_are_refused(tmp_path):
    refused(tmp_path / "none.tif", "no such file")
    for suffix in (".tif", ".png", ".jpg", ".h5", ".npy"):
        empty, text = tmp_path / f"empty{suffix}", tmp_path / f"text{suffix}"
        empty.touch()
        text.write_text("this is no image, whatever its name says\n" * 20)
        refused(empty, "empty file")
        refused(text)
    (tmp_path / "a.czi").write_bytes(b"1234")
    refused(tmp_path / "a.czi", ".czi", "OME-TIFF")
    (tmp_path / "folder.tif").mkdir()
    refused(tmp_path / "folder.tif", "folder")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".npy", ".h5"])
def test_files_cut_short_are_refused(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, NOISE)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=NOISE, compression="gzip")
    else:
        Image.fromarray(NOISE[0].astype(np.uint8)).save(path)
    refused(cut(path, share))


TIFF_LAYOUTS = {
    "plain": {},
    "zlib": {"compression": "zlib"},
    "bare": {"compression": "zlib", "metadata": None},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "imagej_zlib": {"imagej": True, "compression": "zlib", "metadata": {"axes": "ZYX"}},
    "ome": {"ome": True, "compression": "zlib", "metadata": {"axes": "ZYX"}},
    "tiles": {"tile": (16, 16), "compression": "zlib"},
    "big": {"bigtiff": True},
}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.4, 0.66, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("layout", TIFF_LAYOUTS)
def test_a_tiff_cut_short_is_never_read_as_a_smaller_one(tmp_path, layout, share):
    tifffile.imwrite(tmp_path / "a.tif", NOISE, photometric="minisblack", **TIFF_LAYOUTS[layout])
    assert np.array_equal(io.read(tmp_path / "a.tif").data, NOISE)
    refused(cut(tmp_path / "a.tif", share))


def test_a_stack_with_one_directory_must_have_all_its_planes(tmp_path):
    """ImageJ itself writes one directory and then all planes; how many there are is text."""
    planes = NOISE.astype(">u2").tobytes()
    text = b"ImageJ=1.54f\nimages=10\nslices=10\n\0"
    tags = [
        (256, 4, 1, 64),
        (257, 4, 1, 64),
        (258, 3, 1, 16 << 16),
        (259, 3, 1, 1 << 16),
        (262, 3, 1, 1 << 16),
    ]
    start = 8 + 2 + 12 * 10 + 4
    tags += [(270, 2, len(text), start), (273, 4, 1, start + len(text)), (277, 3, 1, 1 << 16)]
    tags += [(278, 4, 1, 64), (279, 4, 1, 64 * 64 * 2)]
    content = struct.pack(">2sHIH", b"MM", 42, 8, 10) + b"".join(struct.pack(">HHII", *tag) for tag in tags)
    path = tmp_path / "a.tif"
    path.write_bytes(content + struct.pack(">I", 0) + text + planes)
    found = io.read(path)
    assert found.axes == "ZYX" and np.array_equal(found.data, NOISE)
    refused(cut(path, 0.7), "10 planes", "copy")


def test_pages_in_a_circle_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RAMP[0], metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    (tmp_path / "a.tif").write_bytes(content)
    refused(tmp_path / "a.tif", "its pages")


def test_a_flipped_bit_in_compressed_values_is_noticed(tmp_path):
    for name, content in (("a.png", None), ("a.tif", "zlib")):
        path = tmp_path / name
        if content:
            tifffile.imwrite(path, NOISE[0], compression=content)
        else:
            Image.fromarray(NOISE[0]).save(path)
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 255
        path.write_bytes(damaged)
        refused(path)


def test_two_unlike_pictures_in_one_file_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RAMP[0])
        file.write(RAMP[0, :20])
    refused(tmp_path / "a.tif", "40x30", "20x30")


def test_files_that_declare_too_much_are_refused_before_decoding(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", (4096, 4096, 4096), "u1", chunks=(64, 64, 64))
    refused(tmp_path / "a.h5", "4096x4096x4096")
    tifffile.imwrite(tmp_path / "a.tif", RAMP)
    refused(tmp_path / "a.tif", "6x40x30", max_voxels=7199)
    assert io.read(tmp_path / "a.tif", max_voxels=7200).data.size == 7200
    np.save(tmp_path / "a.npy", RAMP)
    refused(tmp_path / "a.npy", "6x40x30", max_voxels=7199)
    Image.fromarray(NOISE[0]).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "64x64", max_voxels=4095)


def test_a_png_bomb_is_refused(tmp_path):
    rows = zlib.compress(bytes(20001) * 100, 9)

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(picture)
    refused(tmp_path / "a.png", "too many pixels", "400000000", "TIFF")


def test_what_is_no_number_or_no_picture_is_refused(tmp_path):
    np.save(tmp_path / "object.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    np.save(tmp_path / "complex.npy", RAMP[0].astype(complex))
    np.save(tmp_path / "zero.npy", np.zeros((0, 5)))
    np.save(tmp_path / "line.npy", np.zeros(5))
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file["image"] = np.array([[b"a", b"b"]])
    with h5py.File(tmp_path / "zero.h5", "w") as file:
        file["image"] = np.zeros((4, 0, 4))
    with h5py.File(tmp_path / "single.h5", "w") as file:
        file["image"] = 3
    with h5py.File(tmp_path / "null.h5", "w") as file:
        file["image"] = h5py.Empty("f4")
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file.create_group("a group of nothing")
    tifffile.imwrite(tmp_path / "complex.tif", RAMP[0].astype(np.complex64))
    refused(tmp_path / "object.npy", "object")
    refused(tmp_path / "complex.npy", "complex")
    refused(tmp_path / "zero.npy", "empty")
    refused(tmp_path / "line.npy", "5")
    refused(tmp_path / "text.h5", "|S1")
    refused(tmp_path / "zero.h5", "4x0x4")
    refused(tmp_path / "single.h5", "one number")
    refused(tmp_path / "null.h5", "is empty")
    refused(tmp_path / "none.h5", "no dataset")
    refused(tmp_path / "complex.tif", "complex64")


# --- finding


def test_files_are_found_in_natural_order(tmp_path):
    for name in ("t10.tif", "t2.TIF", "t1_overlay.png", ".hidden.png", "notes.txt", "t2_label.tif"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [f.name for f in io.find(tmp_path)] == ["t1_overlay.png", "t2.TIF", "t2_label.tif", "t10.tif"]
    assert [f.name for f in io.find(tmp_path / "t*0.tif")] == ["t10.tif"]
    assert io.find(tmp_path / "t10.tif") == [tmp_path / "t10.tif"]


def test_finding_nothing_names_the_place_and_the_suffixes(tmp_path):
    with pytest.raises(ImageReadError, match=r"missing: .*no such file"):
        io.find(tmp_path / "missing")
    for path in (tmp_path, tmp_path / "*.tif"):
        with pytest.raises(ImageReadError) as caught:
            io.find(path)
        assert str(path) in str(caught.value) and ".tif" in str(caught.value)


def test_a_link_to_nowhere_is_told(tmp_path):
    (tmp_path / "t1.png").touch()
    (tmp_path / "t2.png").symlink_to("not_fetched.png")
    for path in (tmp_path, tmp_path / "*.png", tmp_path / "t2.png"):
        assert io.find(path)[-1] == tmp_path / "t2.png"
        with pytest.raises(ImageReadError, match=r"t2\.png: .*\blink\b.*not_fetched\.png"):
            io.read(io.find(path)[-1])
    (tmp_path / "t2.png").unlink()
    (tmp_path / "t2.png").symlink_to("t2.png")
    with pytest.raises(ImageReadError, match=r"t2\.png: .*\blink\b.*t2\.png"):
        io.read(io.find(tmp_path)[-1])


def test_folders_in_a_circle_are_gone_through_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "t1.png").touch(), (tmp_path / "a" / "t1.png").touch(), (tmp_path / "a" / "t2.png").touch()
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    found = io.find(tmp_path / "**" / "*.png")
    assert found == [tmp_path / "a" / "t1.png", tmp_path / "a" / "t2.png", tmp_path / "t1.png"]


@pytest.mark.parametrize("name", ["with space", "[1] what?", "a*b", "核 ü", "two\nlines"])
def test_names_of_any_letters_are_found_and_read(tmp_path, name):
    (tmp_path / name).mkdir()
    Image.fromarray(NOISE[0]).save(tmp_path / name / f"{name}.png")
    for path in (tmp_path / name, tmp_path / name / "*.png", tmp_path / "*" / "*.png"):
        assert io.find(path) == [tmp_path / name / f"{name}.png"]
    assert np.array_equal(io.read(tmp_path / name / f"{name}.png").data, NOISE[0])


# --- writing


@pytest.mark.parametrize("largest", [0, 65535, 65536, 2**32 - 1])
@pytest.mark.parametrize(
    ("shape", "spacing", "axes"),
    [
        ((7, 9), (), ""),
        ((7, 9), (0.5, 0.127), ""),
        ((3, 7, 9), (0.284, 0.5, 0.127), ""),
        ((3, 7, 9), (0.5, 0.3), "TYX"),
        ((3, 7, 9), (), "TYX"),
        ((2, 3, 7, 9), (2.0, 0.5, 0.3), "TZYX"),
    ],
)
def test_labels_come_back_with_their_axes_and_voxel_size(tmp_path, largest, shape, spacing, axes):
    labels = np.zeros(shape, np.int64)
    labels[..., 2, 3] = largest
    io.write_labels(tmp_path / "a.tif", labels, spacing, axes)
    found = io.read(tmp_path / "a.tif")
    assert found.data.dtype == (np.uint16 if largest < 65536 else np.uint32)
    assert np.array_equal(found.data, labels)
    assert found.spacing == pytest.approx(spacing, rel=1e-5)
    assert found.axes == (axes or "ZYX"[-len(shape) :])
    assert [f.name for f in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("labels", [np.ones((4, 4), np.float32), np.full((4, 4), -1), np.full((4, 4), 2**32)])
def test_what_cannot_be_labels_is_not_written(tmp_path, labels):
    with pytest.raises(ValueError, match="labels"):
        io.write_labels(tmp_path / "a.tif", labels)
    with pytest.raises(ValueError, match="spacing"):
        io.write_labels(tmp_path / "a.tif", np.zeros((3, 4, 5), int), (1.0,))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_pictures_come_back_as_they_were(tmp_path, dtype):
    picture = np.linspace(0, 200, 60).reshape(6, 10).astype(dtype)
    io.write_image(tmp_path / "a.tif", picture, (0.5, 0.25))
    found = io.read(tmp_path / "a.tif")
    assert np.array_equal(found.data, picture) and found.data.dtype == dtype
    assert found.spacing == pytest.approx((0.5, 0.25))
    with pytest.raises(ValueError, match="float64"):
        io.write_image(tmp_path / "a.tif", picture.astype(float))


@pytest.mark.parametrize("axes", ["CYX", "TCYX", "ZCYX", "TZCYX"])
@pytest.mark.parametrize("limit", [2**30, 0], ids=["imagej", "ome"])
def test_channels_come_back_as_channels(tmp_path, monkeypatch, axes, limit):
    shape = tuple({"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6}[axis] for axis in axes)
    maps = np.random.default_rng(0).random(shape).astype(np.float32)
    spacing = (2.0, 0.5, 0.25) if "Z" in axes else (0.5, 0.25)
    monkeypatch.setattr("nucleizoo.io.writing._IMAGEJ_BYTES", limit)
    io.write_image(tmp_path / "a.tif", maps, spacing, axes)
    found = io.read(tmp_path / "a.tif")
    assert found.axes == axes.replace("C", "") + "C" and found.spacing == pytest.approx(spacing)
    assert np.array_equal(found.data, np.moveaxis(maps, axes.index("C"), -1))


@pytest.mark.parametrize(("axes", "spacing"), [
    ("ZYX", (1.0, 1.0)), ("TYX", (1.0,) * 3), ("YX", ()), ("CZY", ()), ("YXC", ()), ("ZTYX", ()),
])  # fmt: skip
def test_axes_that_do_not_fit_are_not_written(tmp_path, axes, spacing):
    with pytest.raises(ValueError, match=f"as '{axes}'"):
        io.write_image(tmp_path / "a.tif", np.zeros((3, 4, 5), np.float32), spacing, axes)


def test_pngs_come_back_as_they_were(tmp_path):
    for picture in (RAMP[0].astype(np.uint8), np.stack([RAMP[i].astype(np.uint8) for i in range(3)], -1)):
        io.write_png(tmp_path / "a.png", picture)
        assert np.array_equal(io.read(tmp_path / "a.png").data, picture)
    with pytest.raises(ValueError, match="uint8"):
        io.write_png(tmp_path / "a.png", RAMP[0])


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    io.write_labels(tmp_path / "a.tif", RAMP[0])

    def full(part, *_, **__):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(OSError, match="No space"):
        io.write_labels(tmp_path / "a.tif", RAMP[1])
    assert [f.name for f in tmp_path.iterdir()] == ["a.tif"]
    assert np.array_equal(io.read(tmp_path / "a.tif").data, RAMP[0])
    with pytest.raises(OSError, match="missing"):
        io.write_png(tmp_path / "missing" / "a.png", RAMP[0].astype(np.uint8))


def test_real_files_are_read(real_data):
    found = io.read(real_data / "mouse_embryo_3d" / "vol_8cell.h5")
    assert (found.axes, found.data.shape, found.spacing) == ("ZYX", (51, 120, 122), (1.75, 0.8, 0.8))
    hela = io.find(real_data / "hela_n2dl" / "train" / "images")
    assert len(hela) == 20 and io.read(hela[0]).data.dtype == np.uint16
    colour = io.read(io.find(real_data / "histology_white" / "test" / "images_rgb")[0])
    assert colour.axes == "YXC" and colour.data.shape == (256, 320, 3)


def test_a_deep_colour_png_is_refused_rather_than_cut_to_eight_bits(tmp_path):

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + struct.pack(">6H", *range(0, 60000, 10000)) for _ in range(3))
    header = struct.pack(">IIBBBBB", 2, 3, 16, 2, 0, 0, 0)
    file = tmp_path / "deep.png"
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    file.write_bytes(png)
    with pytest.raises(ImageReadError, match=r"deep\.png.*\b16\b.*TIFF"):
        io.read(file)


# --- pairs


def files(*names):
    return [Path(name) for name in names]


@pytest.mark.parametrize(("images", "labels", "partners"), [
    (files("b.png", "a.png"), files("a.tif", "b.tif"), files("b.tif", "a.tif")),
    (files("b.png", "a.png"), files("a_label.h5", "b_label.h5", "c.h5"), files("b_label.h5", "a_label.h5")),
    (files("x/1.png", "y/1.png"), files("x/1.tif", "y/1.tif"), files("x/1.tif", "y/1.tif")),
    (files("x/im/1.png", "y/im/1.png"), files("y/lab/1.tif", "x/lab/1.tif"),
     files("x/lab/1.tif", "y/lab/1.tif")),
    (files("a.png", "b.png"), files("a.png", "a_label.tif", "b.png", "b_label.tif", "b_overlay.png"),
     files("a_label.tif", "b_label.tif")),
    (
        files("b.ome.tif", "a.OME.TIFF", "c.ome.zarr"), files("c.tif", "a_label.ome.tif", "b_label.ome.zarr"),
        files("b_label.ome.zarr", "a_label.ome.tif", "c.tif"),
    ),
])  # fmt: skip
def test_partners_have_one_name(images, labels, partners):
    assert io.pair(images, labels) == list(zip(images, partners, strict=True))


@pytest.mark.parametrize(("images", "labels", "told"), [
    (files("a.png", "b.png"), files("b.tif", "c.tif"), r"a\.png: .* 2 files .*b\.tif.*PAIR_BY"),
    (files("a.png"), files("b.tif", "c.tif"), r"a\.png: .* 2 files .*c\.tif.*PAIR_BY"),
    (files("a.png", "b.png"), files("a.tif", "a_label.tif", "b.tif"), r"a\.tif .*a_label\.tif .*'a'"),
    (files("t1.tif", "t2.tif"), files("man1.tif", "man2.tif"), r"t1\.tif: .*man1\.tif, man2\.tif.*PAIR_BY"),
    (files("x01_img.png", "x02_img.png"), files("x01_mask.tif", "x03_mask.tif"), r"x01_img\.png: .*PAIR_BY"),
    (files("a.png", "a.tif"), files("a.png", "a.tif"), r"a\.png .*a\.tif"),
    (files("x/1.png", "y/1.png"), files("x/1.tif", "z/1.tif"), r"y/1\.png: .*labels"),
])  # fmt: skip
def test_partners_that_are_not_clear_are_refused(images, labels, told):
    with pytest.raises(ImageReadError, match=told):
        io.pair(images, labels)


def test_only_a_request_pairs_by_order_and_the_log_says_what(caplog):
    images, labels = files("t1.tif", "t2.tif"), files("man1.tif", "man2.tif")
    with caplog.at_level("INFO"):
        assert io.pair(images, labels, "order") == list(zip(images, labels, strict=True))
    names(caplog.text, "t1.tif with man1.tif", "t2.tif with man2.tif")
    with pytest.raises(ImageReadError, match=r"1 label file\b.* 2 images"):
        io.pair(images, labels[:1], "order")


def test_files_of_one_name_are_matched_and_others_are_told_with_their_kind():
    found = io.match(
        io.named(files("a.png", "b.png", "c.ome.tif")), io.named(files("c.png", "d.h5", "a.tif"))
    )
    assert found.both == {
        "c": tuple(files("c.ome.tif", "c.png")), "a": tuple(files("a.png", "a.tif"))
    }  # fmt: skip
    assert (found.first, found.second) == ({"b": Path("b.png")}, {"d": Path("d.h5")})


def test_results_are_called_by_the_picture_and_not_by_the_format(tmp_path):
    for folder in ("brain.ome.zarr", "brain.v2"):
        (tmp_path / folder).mkdir()
    names = [tmp_path / "brain.ome.zarr", *files("brain.zarr", "brain.h5", "brain.OME.tif", "brain.v2.tif")]
    assert [io.name_of(one) for one in names] == ["brain", "brain", "brain", "brain", "brain.v2"]
    assert io.name_of(tmp_path / "brain.v2") == "brain.v2"


def test_label_files_are_those_marked_so_where_some_are(tmp_path):
    for name in ("a.png", "a_label.tif", "b_label.tif"):
        (tmp_path / name).touch()
    assert io.label_files(tmp_path, whole=True) == {one: tmp_path / f"{one}_label.tif" for one in "ab"}
    (tmp_path / "b_label.tif").rename(tmp_path / "b_label.ome.tif")
    (tmp_path / "c.png").touch()
    assert set(io.label_files(tmp_path)) == {"a", "b"}
    with pytest.raises(ImageReadError, match=r"a_label\.tif.* c\.png"):
        io.label_files(tmp_path, whole=True)


@pytest.mark.parametrize(("name", "format"), [("a.png", "PNG"), ("a.jpg", "MPO")])
def test_pictures_behind_the_first_of_a_png_or_jpeg_are_told(tmp_path, caplog, name, format):
    first, *rest = (Image.fromarray(np.full((16, 16), grey, np.uint8)) for grey in (10, 200, 90))
    first.save(tmp_path / name, format, save_all=True, append_images=rest)
    assert (io.read(tmp_path / name).data == 10).all()
    assert caplog.text.count("holds 3 pictures") == 1
    caplog.clear()
    first.save(tmp_path / f"one_{name}")
    assert (io.read(tmp_path / f"one_{name}").data == 10).all() and not caplog.text
