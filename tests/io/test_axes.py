"""What files say of axes and voxel size is read, in memory and by parts; what they leave out is said once."""

import json
import logging
import re

import h5py
import numpy as np
import pytest
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import assumptions, axes
from nucleizoo.io.join_planes import join_planes

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(0, 255, (12, 30, 20)).astype(np.uint8)
CHANNELS = RNG.integers(0, 255, (2, 30, 20)).astype(np.uint8)


@pytest.fixture(autouse=True)
def said(monkeypatch, caplog):
    """What the log says, as if no file had been read before."""
    monkeypatch.setattr(assumptions, "_SAID", set())
    caplog.set_level(logging.INFO)
    return caplog


def both(path, **settings):
    """Axes, values and voxel size, which are the same in memory and by parts."""
    whole, opened = io.read(path, **settings), io.open_lazily(path, **settings)
    parts = opened.read(tuple(slice(0, opened.shape[opened.axes.index(axis)]) for axis in opened.space))
    order = [whole.axes.index(axis) for axis in f"C{opened.space}" if axis in whole.axes]
    if len(order) == whole.data.ndim:
        np.testing.assert_array_equal(parts.squeeze(), whole.data.transpose(order).squeeze())
    assert whole.spacing == opened.spacing[-len(whole.spatial) :]
    return whole


def hdf5(path, data, labels=(), tags=None, name="image", **attributes):
    with h5py.File(path, "w") as file:
        made = file.create_dataset(name, data=data)
        made.attrs.update(attributes)
        if tags is not None:
            made.attrs["axistags"] = tags
        for axis, label in zip(made.dims, labels, strict=False):
            axis.label = label
    return path


def axistags(keys):
    """As ilastik writes them."""
    return json.dumps({"axes": [{"key": key, "typeFlags": 2, "resolution": 0} for key in keys]})


def zarr_array(path, data, names, version):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        path, data=data, zarr_format=version, dimension_names=names if version == 3 else None
    )
    if version == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = names
    return path


@pytest.mark.parametrize("kind", ["axistags", "bytes", "labels", "scales", "zarr2", "zarr3"])
@pytest.mark.parametrize(("order", "wanted"), [("xyz", "ZYX"), ("yxz", "ZYX"), ("tyx", "TYX"), ("cyx", "YXC"),
                                               ("xyc", "YXC"), ("xy", "YX"), ("zcyx", "ZYXC")])  # fmt: skip
def test_names_of_axes_are_read_in_every_format(tmp_path, said, kind, order, wanted):
    shape = [{"x": 20, "y": 30, "z": 12, "t": 5, "c": 2}[axis] for axis in order]
    data = RNG.integers(0, 255, shape).astype(np.uint8)
    path = tmp_path / ("a.zarr" if kind.startswith("zarr") else "a.h5")
    if kind.startswith("zarr"):
        zarr_array(path, data, list(order), int(kind[-1]))
    elif kind == "labels":
        hdf5(path, data, labels=order)
    elif kind == "scales":
        hdf5(path, data, name="raw")
        with h5py.File(path, "a") as file:
            for axis, letter, n in zip(file["raw"].dims, order, shape, strict=True):
                file[letter] = np.arange(n)
                file[letter].make_scale()
                axis.attach_scale(file[letter])
    else:
        hdf5(path, data, tags=axistags(order) if kind == "axistags" else axistags(order).encode())
    found = both(path)
    assert found.axes == wanted and not said.messages
    np.testing.assert_array_equal(found.data, data.transpose([order.index(axis.lower()) for axis in wanted]))


@pytest.mark.parametrize(
    "tags", ["no json", "[]", '{"axes": [{}, {}, {}]}', '{"axes": [{"key": "x"}]}', "{}"]
)
def test_axistags_that_cannot_be_read_are_a_warning_and_the_pixels_are_read(tmp_path, said, tags):
    found = both(hdf5(tmp_path / "a.h5", VOLUME, tags=tags))
    assert found.axes == "ZYX" and np.array_equal(found.data, VOLUME)
    assert any(record.levelno == logging.WARNING and "a.h5" in record.message for record in said.records)


def test_attributes_of_unknown_types_do_not_keep_from_the_pixels(tmp_path):
    path = hdf5(tmp_path / "a.h5", VOLUME)
    with h5py.File(path, "a") as file:
        for name in ("axistags", "resolution"):
            space = h5py.h5s.create(h5py.h5s.SCALAR)
            h5py.h5a.create(file["image"].id, name.encode(), h5py.h5t.UNIX_D32LE, space)
    assert np.array_equal(both(path).data, VOLUME)


def test_names_that_contradict_each_other_are_refused(tmp_path):
    for labels in (["x", "q1", "z"], ["dim_0", "x", "y"], ["c", "y", "dim_2"], ["y", "y", "x"]):
        path = hdf5(tmp_path / "a.h5", VOLUME, labels=labels)
        with pytest.raises(ImageReadError, match=r"a\.h5.*axes"):
            io.read(path)


def test_what_a_silent_file_leaves_to_the_reader_is_said_once(tmp_path, said):
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, VOLUME)
        both(tmp_path / name)
    assert [re.sub(".*/", "", line) for line in said.messages] == [
        "a.npy: does not name its axes; they are taken for z, y, x (said once, also for other files)"
    ]
    np.save(tmp_path / "c.npy", np.moveaxis(CHANNELS, 0, -1))
    np.save(tmp_path / "flat.npy", VOLUME[0])  # leaves nothing open
    assert both(tmp_path / "c.npy").axes == "YXC" and both(tmp_path / "flat.npy").axes == "YX"
    assert len(said.messages) == 2 and "y, x, channel" in said.messages[1]


def test_four_channels_without_a_name_are_not_three_and_alpha(tmp_path):
    data = RNG.integers(0, 255, (30, 20, 4)).astype(np.uint8)
    np.save(tmp_path / "a.npy", data)
    for path in (tmp_path / "a.npy", hdf5(tmp_path / "a.h5", data)):
        assert np.array_equal(both(path).data, data)


@pytest.mark.parametrize(("attributes", "wanted"), [
    ({"resolution": [40.0, 4.0, 4.0], "units": ["nm", "nm", "nm"]}, (0.04, 0.004, 0.004)),
    ({"resolution": [40, 4, 4], "unit": "nanometers"}, (0.04, 0.004, 0.004)),
    ({"resolution": [2.0, 0.5, 0.5], "units": b"um"}, (2.0, 0.5, 0.5)),
    ({"resolution": [0.002, 0.0005, 0.0005], "resolution_unit": "mm"}, (2.0, 0.5, 0.5)),
    ({"resolution": [2.0, 500, 500], "units": ["um", "nm", "nm"]}, (2.0, 0.5, 0.5)),
    ({"resolution": [2.0, 0.5, 0.5], "units": "pixel"}, ()),
    ({"element_size_um": [2.0, 0.5, 0.5], "units": "nm"}, (2.0, 0.5, 0.5)),
])  # fmt: skip
def test_units_of_a_resolution_are_read(tmp_path, said, attributes, wanted):
    found = both(hdf5(tmp_path / "a.h5", VOLUME, labels="zyx", **attributes))
    assert found.spacing == pytest.approx(wanted) and not said.messages


def test_a_resolution_without_a_unit_is_said_and_one_of_an_unknown_unit_is_not_used(tmp_path, said):
    bare = hdf5(tmp_path / "a.h5", VOLUME, labels="zyx", resolution=[40.0, 4.0, 4.0])
    assert both(bare).spacing == (40.0, 4.0, 4.0)
    assert len(said.messages) == 1 and "(40, 4, 4)" in said.text and "DATASET.IMAGE.SPACING" in said.text
    odd = hdf5(tmp_path / "b.h5", VOLUME, labels="zyx", resolution=[4.0, 4.0, 4.0], units="furlong")
    assert both(odd).spacing == () and "furlong" in said.text


def test_voxel_sizes_follow_their_axes(tmp_path):
    data = VOLUME.transpose(2, 1, 0)
    path = hdf5(tmp_path / "a.h5", data, tags=axistags("xyz"), element_size_um=[0.25, 0.5, 2.0])
    assert both(path).spacing == (2.0, 0.5, 0.25)
    path = hdf5(tmp_path / "b.h5", data, tags=axistags("xyz"), voxel_size_um_zyx=[2.0, 0.5, 0.25])
    assert both(path).spacing == (2.0, 0.5, 0.25)
    path = hdf5(tmp_path / "c.h5", VOLUME[None], labels="czyx", element_size_um=[1.0, 2.0, 0.5, 0.25])
    assert both(path).spacing == (2.0, 0.5, 0.25)
    path = hdf5(tmp_path / "d.h5", VOLUME[..., :2], labels="yxc", resolution=[0.5, 0.25, 1.0], units="um")
    assert both(path).spacing == (0.5, 0.25)


@pytest.mark.parametrize(("name", "letter"), [
    ("z", "Z"), ("Depth", "Z"), ("axis_z", "Z"), ("/array/x", "X"), ("columns", "X"), ("C", "C"),
    ("dim_0", "?"), ("phony_dim_1", "?"), ("", "?"),
])  # fmt: skip
def test_letters_come_from_the_last_word_of_a_name(name, letter):
    assert axes.letter_of(name) == letter


def test_files_that_are_written_here_leave_nothing_open(tmp_path, said):
    for number, plane in enumerate(VOLUME):
        np.save(tmp_path / f"{number:02}.npy", plane)
    list(join_planes(io.find(tmp_path), tmp_path / "a.h5", (2.0, 0.5, 0.25)))
    found = both(tmp_path / "a.h5")
    assert (found.axes, found.spacing) == ("ZYX", (2.0, 0.5, 0.25)) and not said.messages


def test_an_array_saved_behind_another_is_left_out_with_a_word(tmp_path, caplog):
    path = tmp_path / "a.npy"
    np.save(path, VOLUME)
    io.read(path)
    assert "bytes behind" not in caplog.text
    with path.open("ab") as file:
        np.save(file, VOLUME[:1])
    for _ in range(2):
        np.testing.assert_array_equal(io.read(path).data, VOLUME)
    (record,) = [one for one in caplog.records if "bytes behind" in one.getMessage()]
    names(record.getMessage(), path, f"{VOLUME[:1].nbytes + 128} bytes", "first")
