"""What OME-Zarr says is read: which array, which axes, which voxel size, which labels."""

import json
import logging
import shutil

import numpy as np
import pytest
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import assumptions, open_lazily

zarr = pytest.importorskip("zarr")

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(1, 255, (12, 32, 24)).astype(np.uint8)
PICTURE = RNG.integers(1, 255, (2, 64, 48)).astype(np.uint8)


@pytest.fixture(autouse=True)
def said(monkeypatch, caplog):
    """What the log says, as if no file had been read before."""
    monkeypatch.setattr(assumptions, "_SAID", set())
    caplog.set_level(logging.INFO)
    return caplog


def axes_named(names, unit="micrometer"):
    kinds = {"c": "channel", "t": "time"}
    return [
        {"name": n, "type": kinds.get(n, "space"), **({} if n in kinds or unit is None else {"unit": unit})}
        for n in names
    ]


def level(path, *scale):
    return {"path": path, "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]}


def image(path, levels, version="0.4", labels=None, **scale):
    """Write a group whose arrays are `levels`, by name."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    for name, data in levels.items():
        group.create_array(name, data=data)
    put(group, "multiscales", [{"version": version, **scale}], version)
    return path


def put(group, name, value, version="0.4"):
    if version == "0.5":
        group.attrs["ome"] = {**group.attrs.get("ome", {}), "version": version, name: value}
    else:
        group.attrs[name] = value


def labelled(path, names, version="0.4", listed=True):
    """Write a picture with label images in it, the n-th of which is n everywhere."""
    image(path, {"0": PICTURE[0]}, version, axes=axes_named("yx"), datasets=[level("0", 1, 1)])
    group = zarr.open_group(path / "labels", mode="w", zarr_format=3 if version == "0.5" else 2)
    if listed:
        put(group, "labels", list(names), version)
    for number, name in enumerate(names, 1):
        data = np.full(PICTURE[0].shape, number, np.uint16)
        image(
            path / "labels" / name, {"0": data}, version, axes=axes_named("yx"), datasets=[level("0", 1, 1)]
        )
    return path


def plate(path, fields=("0",), version="0.4"):
    kind = 3 if version == "0.5" else 2
    put(zarr.open_group(path, mode="w", zarr_format=kind), "plate", {"wells": [{"path": "A/1"}]}, version)
    zarr.open_group(path / "A", mode="w", zarr_format=kind)
    well = zarr.open_group(path / "A" / "1", mode="w", zarr_format=kind)
    put(well, "well", {"images": [{"path": field} for field in fields]}, version)
    for field in fields:
        image(
            path / "A" / "1" / field, {"0": PICTURE}, version,
            axes=axes_named("cyx"), datasets=[level("0", 1, 0.5, 0.25)],
        )  # fmt: skip
    return path


def both(path, **settings):
    """The file in memory, of which all by parts is the same."""
    whole, opened = io.read(path, **settings), open_lazily(path, **settings)
    assert whole.spacing == opened.spacing and {*whole.axes} == {*opened.axes.replace("S", "C")}
    return whole


# --- axes and voxel size


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(("own", "whole", "wanted"), [
    ([1, 1, 1], [2, 0.5, 0.25], (2.0, 0.5, 0.25)), ([2, 1, 1], [1, 0.5, 0.25], (2.0, 0.5, 0.25)),
    ([2, 0.5, 0.25], None, (2.0, 0.5, 0.25)), (None, [2, 0.5, 0.25], (2.0, 0.5, 0.25)), (None, None, ()),
])  # fmt: skip
def test_the_scales_of_the_level_and_of_the_whole_are_multiplied(tmp_path, version, own, whole, wanted):
    more = {} if whole is None else {"coordinateTransformations": [{"type": "scale", "scale": whole}]}
    first = {"path": "0"} if own is None else level("0", *own)
    image(tmp_path / "a.zarr", {"0": VOLUME}, version, axes=axes_named("zyx"), datasets=[first], **more)
    assert both(tmp_path / "a.zarr").spacing == pytest.approx(wanted)


@pytest.mark.parametrize(("unit", "factor"), [
    ("micrometer", 1), ("micrometers", 1), ("um", 1), ("µm", 1), ("nm", 1e-3), ("nanometer", 1e-3),
    ("mm", 1e3), ("pixel", 0), ("furlong", 0),
])  # fmt: skip
def test_units_are_read_in_every_spelling(tmp_path, said, unit, factor):
    image(tmp_path / "a.zarr", {"0": VOLUME}, axes=axes_named("zyx", unit), datasets=[level("0", 2, 3, 4)])
    wanted = tuple(factor * n for n in (2, 3, 4)) if factor else ()
    assert both(tmp_path / "a.zarr").spacing == pytest.approx(wanted)
    assert ("furlong" in said.text) == (unit == "furlong")


def test_a_voxel_size_without_a_unit_is_said_once_and_one_of_ones_is_none(tmp_path, said):
    for name, size, wanted in (
        ("a", (2, 3, 4), (2.0, 3.0, 4.0)),
        ("b", (1, 1, 1), ()),
        ("c", (2, 3, 4), (2.0, 3.0, 4.0)),
    ):
        path = tmp_path / f"{name}.zarr"
        image(path, {"0": VOLUME}, axes=axes_named("zyx", None), datasets=[level("0", *size)])
        assert both(path).spacing == wanted
    assert len(said.messages) == 1 and "micrometres" in said.text and "DATASET.IMAGE.SPACING" in said.text


@pytest.mark.parametrize("transforms", [
    [{"type": "scale", "scale": [1, 1]}], [{"type": "scale", "scale": ["a", "b", "c"]}], [{"type": "scale"}],
    [{"scale": [1, 1, 1]}], "none", [{"type": "scale", "scale": [0, 1, 1]}],
    [{"type": "scale", "path": "scales"}],
])  # fmt: skip
def test_a_voxel_size_that_cannot_be_read_is_a_warning_and_the_pixels_are_read(tmp_path, said, transforms):
    first = {"path": "0", "coordinateTransformations": transforms}
    image(tmp_path / "a.zarr", {"0": VOLUME}, axes=axes_named("zyx"), datasets=[first])
    found = both(tmp_path / "a.zarr")
    assert np.array_equal(found.data, VOLUME) and found.spacing == ()
    assert any(record.levelno == logging.WARNING and "a.zarr" in record.message for record in said.records)


@pytest.mark.parametrize("axes", [None, list("tczyx")])
def test_axes_of_older_versions_are_read(tmp_path, axes):
    more = {} if axes is None else {"axes": axes}
    image(tmp_path / "a.zarr", {"0": VOLUME[None, None]}, "0.3", datasets=[{"path": "0"}], **more)
    found = both(tmp_path / "a.zarr")
    assert found.axes == "TZYXC" and np.array_equal(found.data.squeeze(), VOLUME)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_array_keeps_its_axes_and_voxel_size_however_it_is_named(tmp_path, version):
    path = plate(tmp_path / "plate.zarr", version=version)
    inside = ("", "A/1/0/0"), ("", "A/1/0"), ("A/1", "0/0"), ("A/1/0", "0"), ("A/1/0", ""), ("A/1/0/0", "")
    for folder, dataset in inside:
        found = both(path / folder, dataset=dataset)
        assert (found.axes, found.spacing) == ("YXC", (0.5, 0.25))
        assert np.array_equal(found.data, np.moveaxis(PICTURE, 0, -1))


# --- which array


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_and_a_well_are_told_with_a_field(tmp_path, version):
    path = plate(tmp_path / "plate.zarr", ("0", "1"), version)
    for folder in (path, path / "A" / "1"):
        for read in (io.read, open_lazily):
            with pytest.raises(ImageReadError, match=rf"(plate|well) .*{path}/A/1/0\b"):
                read(folder)


def test_the_only_image_of_a_collection_is_taken_and_of_several_one_is_asked_for(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    group.create_group("OME")
    for number in range(2):
        image(
            tmp_path / "a.zarr" / str(number),
            {"0": VOLUME},
            axes=axes_named("zyx"),
            datasets=[level("0", 2, 1, 1)],
        )
        if not number:
            assert both(tmp_path / "a.zarr").spacing == (2.0, 1.0, 1.0)
    with pytest.raises(ImageReadError, match=rf"several images: 0, 1; .*{tmp_path}/a\.zarr/0\b"):
        io.read(tmp_path / "a.zarr")


COARSE, FINE = PICTURE[0, ::2, ::2], PICTURE[0]


@pytest.mark.parametrize("levels", [
    [level("0", 1, 1), level("1", 2, 2)], [level("1", 2, 2), level("0", 1, 1)],
    [{"path": "1"}, {"path": "0"}], [level("1", 1, 1), level("0", 1, 1)],
])  # fmt: skip
def test_the_largest_level_is_taken_whatever_the_order(tmp_path, levels):
    arrays = {"0": FINE, "1": COARSE}
    image(tmp_path / "a.zarr", arrays, axes=axes_named("yx"), datasets=levels)
    assert np.array_equal(both(tmp_path / "a.zarr").data, FINE)


def test_a_finest_level_that_is_missing_is_told_and_a_coarse_one_is_not_needed(tmp_path):
    path = image(
        tmp_path / "a.zarr",
        {"0": FINE, "1": COARSE},
        axes=axes_named("yx"),
        datasets=[level("1", 2, 2), level("0", 1, 1)],
    )
    shutil.rmtree(path / "1")
    assert np.array_equal(both(path).data, FINE)
    (path / "0" / ".zarray").unlink()
    image(
        tmp_path / "b.zarr",
        {"1": COARSE},
        axes=axes_named("yx"),
        datasets=[level("1", 2, 2), level("0", 1, 1)],
    )
    for lost in (path, tmp_path / "b.zarr"):
        with pytest.raises(ImageReadError, match=r"zarr: .*'0'.* missing or has lost its .*\.zarray"):
            io.read(lost)


# --- labels


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("listed", [True, False])
def test_labels_in_a_picture_are_taken_for_its_labels_and_never_the_picture(tmp_path, version, listed):
    path = labelled(tmp_path / "a.zarr", ["nuclei"], version, listed)
    assert np.array_equal(both(path).data, FINE)
    for folder in (path, path / "labels", path / "labels" / "nuclei", path / "labels" / "nuclei" / "0"):
        assert (both(folder, usual="label").data == 1).all()


def test_of_several_labels_one_is_asked_for(tmp_path):
    path = labelled(tmp_path / "a.zarr", ["cells", "nuclei"])
    for folder in (path, path / "labels"):
        with pytest.raises(
            ImageReadError,
            match=r"labels: contains several labels: cells, nuclei; .*/labels/cells\b.*LABEL_DATASET",
        ):
            io.read(folder, usual="label")
    assert (both(path, usual="label", dataset="labels/nuclei").data == 2).all()
    for usual in ("nuclei", "labels/nuclei"):
        assert (both(path, usual=usual).data == 2).all()
    with pytest.raises(ImageReadError, match="several labels"):
        io.read(path, usual="../a.zarr/0")
    assert (both(path / "labels" / "cells", usual="label").data == 1).all()


def test_labels_that_are_listed_and_missing_are_no_reason_to_take_the_picture(tmp_path):
    path = labelled(tmp_path / "a.zarr", ["nuclei"])
    shutil.rmtree(path / "labels" / "nuclei")
    with pytest.raises(ImageReadError, match="'nuclei', which is missing"):
        io.read(path, usual="label")
    put(zarr.open_group(path / "labels", mode="a"), "labels", [])
    with pytest.raises(ImageReadError, match="no labels"):
        io.read(path, usual="label")


def test_label_images_by_themselves_are_labels(tmp_path):
    image(tmp_path / "a.zarr", {"0": FINE}, axes=axes_named("yx"), datasets=[level("0", 1, 1)])
    assert np.array_equal(both(tmp_path / "a.zarr", usual="label").data, FINE)


# --- other groups, and folders that are none


def test_the_only_picture_of_a_group_is_taken_beside_the_scales_of_its_axes(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for name, data in (("raw", VOLUME), ("y", np.arange(32)), ("x", np.arange(24))):
        group.create_array(name, data=data)
    group["raw"].attrs["_ARRAY_DIMENSIONS"] = ["z", "y", "x"]
    assert np.array_equal(both(tmp_path / "a.zarr").data, VOLUME)


@pytest.mark.parametrize("name", ["b.zarr", "b.ome.zarr", "b", "file.zarr"])
def test_folders_that_lost_their_mark_are_found_and_refused_by_name(tmp_path, name):
    image(tmp_path / "a.zarr", {"0": FINE}, axes=axes_named("yx"), datasets=[level("0", 1, 1)])
    lost = tmp_path / name
    if name == "file.zarr":
        lost.write_bytes(b"PK")
    else:
        shutil.copytree(tmp_path / "a.zarr", lost)
        (lost / ".zgroup").unlink()
    assert {path.name for path in io.find(tmp_path)} == {"a.zarr", name}
    assert io.find(lost) == [lost]
    for read in (io.read, open_lazily):
        with pytest.raises(ImageReadError, match=rf"{name}: is not a Zarr folder.* (copy|unpack)"):
            read(lost)


def test_what_zarr_does_not_know_is_told_as_that(tmp_path):
    for version, mark in ((2, ".zarray"), (3, "zarr.json")):
        for key, value in (("codec", "jpegxl"), ("type", "bfloat16")):
            path = tmp_path / f"{key}{version}.zarr"
            zarr.create_array(path, data=VOLUME, zarr_format=version)
            told = json.loads((path / mark).read_text())
            if key == "type":
                told["dtype" if version == 2 else "data_type"] = value
            elif version == 2:
                told["compressor"] = {"id": value}
            else:
                told["codecs"][-1] = {"name": value, "configuration": {}}
            (path / mark).write_text(json.dumps(told))
            for read in (io.read, open_lazily):
                with pytest.raises(ImageReadError, match=rf"zarr.*{value}.*save it") as found:
                    read(path)
                assert "may be damaged" not in str(found.value)


def test_what_describes_an_array_is_what_its_axes_come_from(tmp_path):
    path = plate(tmp_path / "plate.zarr")
    told = {str(file.relative_to(path)) for file in io.described_in(path / "A" / "1" / "0" / "0")}
    assert {".zattrs", "A/1/.zattrs", "A/1/0/.zattrs", "A/1/0/0/.zarray"} <= told


def test_attributes_that_are_no_json_are_a_warning_and_the_pixels_are_read(tmp_path, said):
    array = zarr.create_array(tmp_path / "a.zarr", data=VOLUME, zarr_format=2)
    array.attrs["_ARRAY_DIMENSIONS"] = ["z", "y", "x"]
    whole = (tmp_path / "a.zarr" / ".zattrs").read_text()
    (tmp_path / "a.zarr" / ".zattrs").write_text(whole[:20])
    assert np.array_equal(both(tmp_path / "a.zarr").data, VOLUME)
    assert any(one.levelno == logging.WARNING and ".zattrs" in one.message for one in said.records)


@pytest.mark.parametrize("path", ["/0", "0/", "./0"])
def test_paths_of_levels_are_read_in_every_spelling(tmp_path, path):
    image(tmp_path / "a.zarr", {"0": VOLUME}, axes=axes_named("zyx"), datasets=[level(path, 2, 1, 1)])
    assert both(tmp_path / "a.zarr").spacing == (2.0, 1.0, 1.0)


def test_paths_that_lead_out_of_a_group_are_refused(tmp_path):
    zarr.create_array(tmp_path / "b.zarr", data=VOLUME)
    image(tmp_path / "a.zarr", {"0": FINE}, axes=axes_named("zyx"), datasets=[level("../b.zarr", 2, 1, 1)])
    with pytest.raises(ImageReadError, match=r"a\.zarr: .*'\.\./b\.zarr', which is outside"):
        io.read(tmp_path / "a.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_of_several_images_in_one_group_the_first_is_read_and_told(tmp_path, said, version):
    path = tmp_path / "a.zarr"
    told = [{"axes": axes_named("yx"), "datasets": [level(name, 1, 1)], "version": version} for name in "ab"]
    image(
        path, {"a": PICTURE[0], "b": PICTURE[1]}, version, axes=told[0]["axes"], datasets=told[0]["datasets"]
    )
    np.testing.assert_array_equal(io.read(path).data, PICTURE[0])
    assert "images" not in said.text
    put(zarr.open_group(path), "multiscales", told, version)
    for _ in range(2):
        np.testing.assert_array_equal(io.read(path).data, PICTURE[0])
    (record,) = [one for one in said.records if "2 images" in one.getMessage()]
    names(record.getMessage(), path, "first", "DATASET")
    np.testing.assert_array_equal(io.read(path, dataset="b").data, PICTURE[1])
