"""Labels that are none: masks, pictures, class maps and JPEG, noticed wherever labels are read."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names
from support.toy_picture import toy_picture

from nucleizoo import api, io
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.kinds import DATASETS
from nucleizoo.preprocess import LabelFiles, Reader, label_doubts

TOY = Path(__file__).parents[2] / "configs" / "toy"
LABELS, PICTURE = toy_picture(1, (64, 64), np.uint8)
RING = np.pad(np.zeros((40, 40), np.int32), 12, constant_values=1)
DOTS = np.zeros((64, 64), bool)
DOTS[:2, :2] = DOTS[-2:, -2:] = True


def smeared(labels):
    """What JPEG makes of labels: borders between values."""
    blurred = labels.astype(float)
    for axis in (0, 1):
        blurred = (blurred + np.roll(blurred, 1, axis) + np.roll(blurred, -1, axis)) / 3
    return np.rint(blurred).astype(np.int32)


KINDS = {
    "mask": ((LABELS > 0) * 255, ["255", "pieces", "mask"]),
    "picture": (PICTURE, ["pieces", "picture"]),
    "picture of 16 bits": (np.random.default_rng(0).integers(1, 2**16, (64, 64)), ["pieces", "picture"]),
    "smeared": (smeared(LABELS * 20), ["pieces", "loss"]),
    "classes": (np.where(LABELS > 0, 1 + LABELS % 2, 0), ["2 numbers", "pieces", "classes"]),
    "empty": (LABELS * 0, ["no label", "0"]),
    "full": (LABELS * 0 + 3, ["3", "everywhere", "background"]),
    "inverted": ((LABELS == 0) * 7, ["7", "background", "0"]),
    "background 1": (LABELS + 1, ["1", "background", "0"]),
}
GOOD = {
    "labels": LABELS,
    "one nucleus": (LABELS == 1) * 9,
    "large numbers": LABELS * 100_000,
    "some torn": np.where(DOTS, 50, LABELS),
    "filling the picture": np.kron(np.arange(1, 17).reshape(4, 4), np.ones((16, 16), int)),
    "one nucleus that touches the border": 1 - RING[:, ::-1] * (np.arange(64) > 30),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("volume", [False, True])
def test_what_is_no_labels_is_doubted(kind, volume):
    labels, told = KINDS[kind]
    labels = np.asarray(labels, np.int32)
    said = label_doubts.about([np.stack([labels] * 3) if volume else labels], "do this")
    names(said, *told)
    assert ("do this" in said) is (kind == "mask")


@pytest.mark.parametrize("kind", GOOD)
def test_labels_raise_no_doubt(kind):
    labels = np.asarray(GOOD[kind], np.int32)
    assert label_doubts.about([labels], "") == "" == label_doubts.about([np.stack([labels] * 2)], "")


@pytest.fixture
def data(tmp_path):
    """Folders of two pictures, their labels, and the same as predictions."""
    for folder in ("images", "labels", "found"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", PICTURE)
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", LABELS.astype(np.uint16))
        tifffile.imwrite(tmp_path / "found" / f"{name}_label.tif", LABELS.astype(np.uint16))
    return tmp_path


def labelled(folder, **settings):
    spec = DataSpec(dims=2, root=folder, size=(32, 32))
    return DATASETS.recipe("labelled", images="images", labels="labels", **settings)(spec)


@pytest.mark.parametrize("kind", KINDS)
def test_doubts_are_raised_in_predictions_truth_and_training_alike(data, caplog, kind):
    labels, told = KINDS[kind]
    bad = labels.astype(np.uint16)
    api.evaluate(data / "found", data / "labels")
    labelled(data), labelled(data, cache_gb=0.0)
    assert not caplog.records
    tifffile.imwrite(data / "found" / "a_label.tif", bad)
    api.evaluate(data / "found", data / "labels")
    (record,) = caplog.records
    names(record.message, data / "found" / "a_label.tif", *told)
    assert ("--components" in record.message) is (kind == "mask")
    tifffile.imwrite(data / "labels" / "b.tif", bad)
    caplog.clear()
    api.evaluate(data / "found", data / "labels")
    assert {record.message.partition(":")[0] for record in caplog.records} == {
        str(data / "found" / "a_label.tif"), str(data / "labels" / "b.tif")
    }  # fmt: skip
    for settings in ({}, {"diameter": 9.0}, {"cache_gb": 0.0}):  # in memory, measured, from the files
        caplog.clear()
        labelled(data, **settings)
        (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
        names(record.message, data / "labels" / "b.tif", *told)
        assert ("COMPONENTS" in record.message) is (kind == "mask")


def test_a_mask_of_nuclei_that_do_not_touch_is_as_good_as_labels_where_asked_for(data):
    for folder, ending in (("found", "_label"), ("labels", "")):
        tifffile.imwrite(data / folder / f"a{ending}.tif", (LABELS > 0).astype(np.uint8))
    asked = api.evaluate(data / "found", data / "labels", components=True)
    assert asked["objects"]["f1"] == 1 and asked["counting"]["true"] == asked["counting"]["predicted"]
    (pieces,) = Reader(DataSpec(dims=2)).label_planes(data / "labels" / "a.tif", LabelFiles(components=True))
    assert len(np.unique(pieces)) > 3 and np.array_equal(pieces > 0, LABELS > 0)
    scans = labelled(data, components=True).library._scans
    assert len(np.unique(scans[0].labels)) == len(np.unique(pieces))
    with pytest.raises(ImageReadError, match=r"a\.tif: .*CACHE_GB"):
        labelled(data, components=True, cache_gb=0.0)


def test_labels_of_several_numbers_are_left_as_they_are_by_components(data):
    torn = np.where(DOTS, LABELS.max(), LABELS)
    tifffile.imwrite(data / "labels" / "a.tif", torn.astype(np.uint16))
    assert np.array_equal(LabelFiles(components=True).read(data / "labels" / "a.tif").data, torn)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.tif"])
def test_labels_compressed_with_loss_are_refused_everywhere(data, name):
    (data / "labels" / "a.tif").unlink()
    if name == "a.tif":
        Image.fromarray(LABELS.astype(np.uint8)).save(data / "labels" / name, compression="jpeg")
    else:
        Image.fromarray(LABELS.astype(np.uint8)).save(data / "labels" / name, format="JPEG")
    said = api.evaluate(data / "found", data / "labels")["failed"]["a"]
    names(said, data / "labels" / name, "JPEG", "PNG", "TIFF")
    for settings in ({}, {"cache_gb": 0.0}):
        with pytest.raises(ImageReadError, match="is compressed as JPEG"):
            labelled(data, **settings)
    with pytest.raises(ImageReadError, match="is compressed as JPEG"):
        Reader(DataSpec(dims=2)).read_labels(data / "labels" / name)


@pytest.mark.parametrize(("found", "truth"), [
    ((1, 64, 64), (64, 64)), ((64, 64), (1, 64, 64)), ((64, 64, 1), (1, 64, 64)),
])  # fmt: skip
@pytest.mark.parametrize("planes", [False, True])
def test_axes_of_length_1_say_nothing(tmp_path, found, truth, planes):
    for folder, name, shape in (("found", "a_label.npy", found), ("truth", "a.npy", truth)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / name, LABELS.reshape(shape))
    result = api.evaluate(tmp_path / "found", tmp_path / "truth", planes=planes)
    assert result["objects"]["f1"] == 1 and result["images"].keys() == {"a"}


def test_a_stack_of_planes_is_not_a_picture(tmp_path):
    for folder, name, labels in (
        ("found", "a_label.npy", np.stack([LABELS] * 2)),
        ("truth", "a.npy", LABELS),
    ):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / name, labels)
    with pytest.raises(UserError, match="2x64x64"):
        api.evaluate(tmp_path / "found", tmp_path / "truth")


def hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def test_the_dataset_of_labels_is_named_where_there_are_several(data):
    for folder, ending in (("found", "_label"), ("labels", "")):
        (data / folder / f"a{ending}.tif").unlink()
        hdf5(data / folder / f"a{ending}.h5", nuclei=LABELS, raw=PICTURE)
    said = api.evaluate(data / "found", data / "labels")["failed"]["a"]
    names(said, "nuclei", "raw", "--dataset")
    result = api.evaluate(data / "found", data / "labels", dataset="nuclei")
    assert result["objects"]["f1"] == 1 and not result["failed"]
    hdf5(data / "found" / "a_label.h5", label=LABELS)  # as prediction writes it
    assert not api.evaluate(data / "found", data / "labels", dataset="nuclei")["failed"]


def ome_zarr(path, array, **labels):
    """An OME-Zarr picture with labels in its group of that name."""
    zarr = io.zarr_library()
    for name, values in {"": array, **{f"labels/{name}": one for name, one in labels.items()}}.items():
        group = zarr.open_group(path / name, mode="w", zarr_format=2)
        group.create_array("0", data=values)
        axes = [{"name": axis, "type": "space"} for axis in "yx"]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]


def test_labels_within_an_ome_zarr_picture_are_found_and_never_the_picture(data, tmp_path):
    (data / "labels" / "a.tif").unlink()
    place = data / "labels" / "a.ome.zarr"
    ome_zarr(place, PICTURE, nuclei=LABELS.astype(np.uint16))
    result = api.evaluate(data / "found", data / "labels")
    assert result["objects"]["f1"] == 1 and not result["failed"]
    ome_zarr(place, PICTURE, nuclei=LABELS.astype(np.uint16), cells=PICTURE)
    names(api.evaluate(data / "found", data / "labels")["failed"]["a"], place, "cells, nuclei", "--dataset")
    for name in ("nuclei", "labels/nuclei"):
        assert not api.evaluate(data / "found", data / "labels", dataset=name)["failed"]
    spec = DataSpec(dims=2, root=data / "labels", size=(32, 32))
    both = DATASETS.recipe("labelled", images="a.ome.zarr", label_dataset="nuclei")(spec)
    assert np.array_equal(both.library._scans[0].labels, LABELS)
