"""Files that prediction writes: their axes, channels and voxel sizes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from support.naming import names
from support.toy_methods import Duo, Plain

from nucleizoo import io
from nucleizoo.api import load_config
from nucleizoo.contracts import Channel, Task
from nucleizoo.core.errors import ForeignFileError
from nucleizoo.inference import nuclei_table, writers
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.kinds import TARGETS
from nucleizoo.ops.labels.overlay import outline

TOY = Path(__file__).parents[2] / "configs" / "toy"
SIZES = {"T": 2, "Z": 3, "Y": 12, "X": 10}


class Pair(Plain):
    """Two maps: the nuclei, and how wide a voxel is in units of its depth, where there are some."""

    channels = (Channel("mask", "sigmoid"), Channel("width", "sigmoid"))

    def encode(self, labels, spacing=()):
        mask = (labels > 0).astype(np.float32)
        return np.stack([mask, mask * (spacing[-1] / spacing[0] if spacing else 0)])


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """For these tests alone."""
    monkeypatch.setitem(TARGETS._entries, "pair", Pair)


class Bright(Duo):
    """The first map is the picture, the second its negative; a translation is the picture itself."""

    def forward(self, image):
        light = (image + 1) / 2
        return torch.cat([light, 1 - light][: len(self.task.target.channels)], dim=1)

    def to_source(self, image):
        return image

    def to_image(self, source):
        return source


def segmenter(dims, target="pair", *pairs):
    config = load_config(TOY / f"adgan_{dims}d.yaml", ["TARGET.NAME", target, *pairs])
    task = Task(channels=1, source_channels=1, dims=dims, target=TARGETS.recipe(target)())
    return Segmenter(Bright(task), config, torch.float32)


def a_stack(tmp_path, axes, spacing=()):
    """A file of squares, brighter from plane to plane, and what is in it."""
    picture = np.zeros([SIZES[axis] for axis in axes], np.uint8)
    for index, plane in enumerate(picture.reshape(-1, 12, 10)):
        plane[3:8, 2:7] = 200 + 5 * index
    io.write_image(tmp_path / "many.tif", picture, spacing, axes)
    return tmp_path / "many.tif", picture


STACKS = pytest.mark.parametrize(("dims", "axes", "spacing"), [
    (2, "YX", ()), (2, "TYX", ()), (2, "ZYX", ()), (2, "TZYX", ()),
    (2, "YX", (0.5, 0.25)), (2, "TYX", (0.5, 0.25)), (2, "ZYX", (2.0, 0.5, 0.25)),
    (2, "TZYX", (2.0, 0.5, 0.25)), (3, "ZYX", (2.0, 0.5, 0.25)), (3, "TZYX", ()),
    (3, "TZYX", (2.0, 0.5, 0.25)),
])  # fmt: skip


@STACKS
def test_labels_have_the_axes_and_voxel_size_of_the_file(tmp_path, dims, axes, spacing):
    path, picture = a_stack(tmp_path, axes, spacing)
    writers.write_labels(segmenter(dims), path, tmp_path)
    found = io.read(tmp_path / "many_label.tif")
    assert (found.axes, found.spacing) == (axes, pytest.approx(spacing))
    assert np.array_equal(found.data > 0, picture > 0)


@STACKS
def test_overlays_are_those_of_the_files_and_the_picture_is_decoded_once(
    tmp_path, monkeypatch, dims, axes, spacing
):
    path, _ = a_stack(tmp_path, axes, spacing)
    made, read, decode = segmenter(dims, "pair", "DATASET.IMAGE.ZOOM", "[0.8]"), [], io.read
    monkeypatch.setattr(io, "read", lambda path, **settings: read.append(path) or decode(path, **settings))
    writers.write_labels(made, path, tmp_path, overlay=True)
    assert read == [path]
    planes = made.reader.label_planes(tmp_path / "many_label.tif")
    files = sorted(tmp_path.glob("many*_overlay.png"))
    for file, look, labels in zip(files, made.reader.looks(path), planes, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(file)), outline(look, labels))


@STACKS
def test_several_maps_are_channels_of_the_file(tmp_path, dims, axes, spacing):
    path, picture = a_stack(tmp_path, axes, spacing)
    writers.write_maps(segmenter(dims), path, tmp_path)
    found = io.read(tmp_path / "many_maps.tif")
    assert (found.axes, found.spacing) == (axes + "C", pytest.approx(spacing))
    light = picture / picture.max()
    np.testing.assert_allclose(found.data, np.stack([light, 1 - light], axis=-1), atol=1e-6)


@STACKS
def test_one_map_and_a_translation_have_the_axes_of_the_file(tmp_path, dims, axes, spacing):
    path, picture = a_stack(tmp_path, axes, spacing)
    for write, name in ((writers.write_maps, "maps"), (writers.write_source, "source")):
        write(segmenter(dims, "mask"), path, tmp_path)
        found = io.read(tmp_path / f"many_{name}.tif")
        assert (found.axes, found.spacing) == (axes, pytest.approx(spacing))
        light = picture / picture.max()
        np.testing.assert_allclose(found.data, light, atol=1e-6)


@STACKS
def test_a_picture_made_of_labels_has_the_axes_of_their_file(tmp_path, dims, axes, spacing):
    path, picture = a_stack(tmp_path, axes, spacing)
    writers.write_image(segmenter(dims, "mask"), path, tmp_path)
    found = io.read(tmp_path / "many_image.tif")
    assert (found.axes, found.spacing) == (axes, pytest.approx(spacing))
    assert np.array_equal(found.data, picture > 0)


def test_labels_are_shown_to_the_method_with_the_voxel_size_of_their_file(tmp_path):
    path, picture = a_stack(tmp_path, "ZYX", (2.0, 0.5, 0.5))
    writers.write_image(segmenter(3), path, tmp_path)
    found = io.read(tmp_path / "many_image.tif")
    np.testing.assert_allclose(found.data[..., 1], np.where(picture, 0.25, 0), atol=1e-6)
    writers.write_image(segmenter(3, "pair", "DATASET.IMAGE.ZOOM", "[4.0, 1.0, 1.0]"), path, tmp_path)
    found = io.read(tmp_path / "many_image.tif")
    assert found.spacing == pytest.approx((0.5, 0.5, 0.5)) and found.data.shape == (12, 12, 10, 2)
    assert found.data[..., 1].max() == 1.0


@pytest.mark.parametrize("overlaid", [True, False])
@pytest.mark.parametrize("order", [1, -1])
def test_an_overlay_of_another_picture_is_kept(tmp_path, order, overlaid):
    stack = a_stack(tmp_path, "TYX")[0].rename(tmp_path / "a.tif")
    plane = tmp_path / "a_0001.tif"
    io.write_image(plane, io.read(stack).data[1])
    first, second = (stack, plane)[::order]
    writers.write_labels(segmenter(2), first, tmp_path, overlay=True)
    shared = tmp_path / "a_0001_overlay.png"
    before = shared.read_bytes()
    if overlaid:
        with pytest.raises(ForeignFileError) as refused:
            writers.write_labels(segmenter(2), second, tmp_path, overlay=True)
        names(refused.value, shared, io.name_of(first), "--output")
        writers.write_labels(segmenter(2), first, tmp_path, overlay=True)  # its own are replaced
    else:
        writers.write_labels(segmenter(2), second, tmp_path)
    assert shared.read_bytes() == before


def test_planes_of_an_unknown_distance_have_no_voxel_size(tmp_path):
    path, _ = a_stack(tmp_path, "ZYX")
    writers.write_labels(segmenter(2, "mask", "DATASET.IMAGE.SPACING", "[0.5, 0.25]"), path, tmp_path)
    found = io.read(tmp_path / "many_label.tif")
    assert (found.axes, found.spacing) == ("ZYX", ())


@pytest.mark.parametrize(("dims", "axes"), [(2, "YX"), (2, "TYX"), (2, "ZYX"), (3, "ZYX"), (3, "TZYX")])
def test_planes_numbered_each_from_1_are_told(tmp_path, caplog, dims, axes):
    path, _ = a_stack(tmp_path, axes)
    with caplog.at_level("INFO"):
        writers.write_labels(segmenter(dims), path, tmp_path)
    assert len(caplog.records) == (dims == 2 and axes != "YX")
    for one in caplog.records:
        names(one.message, path, "evaluate --planes")


def test_a_table_has_a_row_a_nucleus_with_its_size_centre_and_confidence(tmp_path):
    labels = np.zeros((6, 8), np.int32)
    labels[1:3, 1:5], labels[4, 6] = 1, 3
    likely = np.where(labels == 1, 0.75, 0.5).astype(np.float32)
    first, second = nuclei_table.rows(labels, likely, (0.5, 0.5), picture=2)
    assert first == {
        "picture": 2, "label": 1, "voxels": 8, "um2": 2.0, "y": 1.5, "x": 2.5, "confidence": 0.75
    }  # fmt: skip
    assert second["label"] == 3 and second["voxels"] == 1 and second["confidence"] == 0.5
    nuclei_table.write(tmp_path / "none.csv", [], 3)
    assert (tmp_path / "none.csv").read_text().split() == ["picture,label,voxels,z,y,x,confidence"]


def test_a_rim_makes_a_nucleus_no_less_sure(tmp_path):
    path, picture = a_stack(tmp_path, "YX")
    picture[3:8, 2:7] = 100  # the rim of the ternary map
    picture[5, 4] = 200
    io.write_image(path, picture, (), "YX")
    writers.write_labels(
        segmenter(2, "ternary", "INFERENCE.DECODER.NAME", "ternary"), path, tmp_path, table=True
    )
    table = np.genfromtxt(tmp_path / "many_nuclei.csv", delimiter=",", names=True)
    assert table["voxels"] == 25 and table["confidence"] == 1


def test_the_table_of_a_file_describes_its_labels(tmp_path):
    path, _ = a_stack(tmp_path, "TYX", (0.2, 0.2))
    writers.write_labels(segmenter(2), path, tmp_path, table=True)
    labels = io.read(tmp_path / "many_label.tif").data
    table = np.genfromtxt(tmp_path / "many_nuclei.csv", delimiter=",", names=True)
    wanted = [(t, n, (labels[t] == n).sum()) for t in range(2) for n in range(1, labels[t].max() + 1)]
    assert [(row["picture"], row["label"], row["voxels"]) for row in np.atleast_1d(table)] == wanted
    assert np.allclose(table["um2"], table["voxels"] * 0.04) and (table["confidence"] > 0.5).all()


def test_centres_are_the_same_portion_by_portion(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 9, (7, 11, 13)).astype(np.int32)
    centres = ndimage.center_of_mass(labels > 0, labels, range(1, 9))
    for portion in (1, 300, 1 << 22):
        monkeypatch.setattr(nuclei_table, "_PORTION", portion)
        found = [
            tuple(row[axis] for axis in "zyx") for row in nuclei_table.rows(labels, np.ones(labels.shape))
        ]
        np.testing.assert_allclose(found, centres, atol=0.005)
