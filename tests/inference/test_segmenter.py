from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from support.toy_methods import TASK, Duo, Plain
from support.toy_picture import toy_picture

from nucleizoo import build
from nucleizoo.api import load_config, train
from nucleizoo.contracts import Task
from nucleizoo.core.errors import RunError, UserError
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.preprocess import Scan
from nucleizoo.runs import Run, weights_of
from nucleizoo.training import norm_statistics
from nucleizoo.training.batches import draw
from nucleizoo.training.norm_statistics import Remembered

TOY = Path(__file__).parents[2] / "configs" / "toy"


class Bright(Duo):
    """The mask is the picture itself: what is brighter than the middle is nucleus."""

    seen: list[tuple[int, ...]]

    def __init__(self, task=TASK, divisor=1):
        super().__init__(task)
        self.divisor, self.seen = divisor, []

    def forward(self, image):
        self.seen.append(tuple(image.shape[2:]))
        assert all(size % self.divisor == 0 for size in image.shape[2:])
        return (image + 1) / 2

    def to_source(self, image):
        return -image

    def to_image(self, source):
        return source / 2


def segmenter(*pairs, method=None, config="adgan_2d"):
    return Segmenter(method or Bright(), load_config(TOY / f"{config}.yaml", pairs), torch.float32)


def squares(tmp_path, shape=(64, 48)):
    """A picture with two bright squares, as a file, and its labels."""
    labels = np.zeros(shape, np.int32)
    labels[8:20, 10:22] = 1
    labels[40:52, 6:18] = 2
    path = tmp_path / "squares.png"
    Image.fromarray(np.where(labels, 250, 10).astype(np.uint8)).save(path)
    return path, labels


def test_a_picture_becomes_the_labels_that_are_in_it(tmp_path):
    path, labels = squares(tmp_path)
    made = segmenter()
    (scan,) = made.read(path)
    found = made.segment(scan).labels
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("window", ["[16, 16]", "[20, 64]", "[1, 1]", "[100, 7]"])
def test_windows_give_what_the_whole_picture_gives(window):
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 37, 50)).astype(np.float32)
    whole, windowed = segmenter().maps(picture), segmenter("INFERENCE.WINDOW", window).maps(picture)
    assert windowed.shape == whole.shape == (1, 37, 50) and windowed.dtype == np.float32
    np.testing.assert_allclose(windowed, whole, atol=1e-6)
    np.testing.assert_allclose(whole, (picture + 1) / 2)


def test_windows_of_volumes():
    task = Task(channels=1, source_channels=1, dims=3, target=Plain())
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 9, 20, 30)).astype(np.float32)
    made = segmenter("INFERENCE.WINDOW", "[4, 16, 16]", method=Bright(task), config="adgan_3d")
    np.testing.assert_allclose(made.maps(picture), (picture + 1) / 2, atol=1e-6)
    assert set(made.method.seen) == {(4, 14, 16)}  # two windows along y need no more


@pytest.mark.parametrize(("shape", "window", "grown"), [
    ((30, 37), "[]", (32, 40)), ((32, 40), "[]", (32, 40)), ((30, 37), "[10, 10]", (16, 16)),
])  # fmt: skip
def test_pictures_are_padded_to_what_the_method_can_divide(shape, window, grown):
    method = Bright(divisor=8)
    picture = np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32)
    maps = segmenter("INFERENCE.WINDOW", window, method=method).maps(picture)
    assert set(method.seen) == {grown}
    np.testing.assert_allclose(maps, (picture + 1) / 2, atol=1e-6)


@pytest.mark.parametrize("zoom", ["[0.5]", "[2.0]", "[0.7, 1.3]"])
def test_labels_come_back_in_the_shape_of_the_file(tmp_path, zoom):
    path, labels = squares(tmp_path, (61, 47))
    made = segmenter("DATASET.IMAGE.ZOOM", zoom)
    (scan,) = made.read(path)
    found = made.segment(scan).labels
    assert scan.image.shape[1:] != (61, 47) and found.shape == (61, 47)
    assert ((found > 0) != (labels > 0)).sum() <= 4 * 12 * 2  # at most the outlines differ
    assert found.max() == 2


def test_a_picture_without_nuclei_has_no_labels():
    class Dark(Bright):
        def forward(self, image):
            return torch.zeros_like(image)

    made = segmenter(method=Dark())
    assert not made.maps(np.zeros((1, 20, 20), np.float32)).any()
    labels = made.segment(Scan(np.zeros((1, 20, 20), np.float32), (), (20, 20))).labels
    assert labels.shape == (20, 20) and labels.dtype == np.int32 and not labels.any()


def test_damaged_weights_are_told():
    class Broken(Bright):
        def forward(self, image):
            return image * torch.nan

    with pytest.raises(RunError, match="not finite"):
        segmenter(method=Broken()).maps(np.zeros((1, 20, 20), np.float32))


def test_pictures_of_labels_and_translations_go_the_same_way():
    made = segmenter("INFERENCE.WINDOW", "[8, 8]")
    picture = made.picture_of(np.array([[0, 3], [4, 0]], np.int32))
    np.testing.assert_array_equal(picture, [[[-1, 1], [1, -1]]])
    np.testing.assert_allclose(made.to_source(picture), -picture)
    np.testing.assert_allclose(made.to_image(picture), picture / 2)


def test_what_a_method_cannot_do_is_refused_with_those_that_can():
    made, picture = segmenter(method=Duo()), np.zeros((1, 8, 8), np.float32)
    between, content = lambda x: made.between(x, 0.5), lambda x: made.content(x, "image")
    for refused in (made.to_image, made.to_source, between, content):
        with pytest.raises(UserError, match=r"METHOD 'adgan' .* run .*\badgan\b"):
            refused(picture)


def test_the_method_is_put_into_evaluation_mode():
    assert not segmenter(method=Bright().train()).method.training


@pytest.mark.parametrize("size", [(1, 5), (3, 64), (7, 7)])
@pytest.mark.parametrize("window", ["[]", "[8, 8]"])
def test_the_smallest_pictures_pass_a_real_network(size, window):
    made = segmenter("INFERENCE.WINDOW", window, method=real("adgan_2d"))
    assert made.maps(np.zeros((1, *size), np.float32)).shape == (1, *size)


@pytest.mark.parametrize("depth", [1, 3, 4])
def test_the_flattest_volumes_pass_a_real_network(depth):
    made = segmenter("INFERENCE.WINDOW", "[]", method=real("adgan_3d"), config="adgan_3d")
    assert made.maps(np.zeros((1, depth, 16, 16), np.float32)).shape == (1, depth, 16, 16)


def real(config):
    return build.method(load_config(TOY / f"{config}.yaml"))


def test_a_run_opens_as_a_segmenter(tmp_path):
    config = load_config(TOY / "adgan_2d.yaml")
    method = real("adgan_2d")
    run = Run(tmp_path / "run", config).create()
    run.save({"iteration": 1}, weights_of(method))
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32)).astype(np.float32)
    opened = Segmenter.open(Run.open(tmp_path / "run"))
    direct = Segmenter(method, config, opened.precision)
    np.testing.assert_array_equal(opened.maps(picture), direct.maps(picture))


TILES = ("INFERENCE.WINDOW", "[16, 32]", "INFERENCE.OVERLAP", "0.0")


def noise(*shape):
    return np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32)


def trained_on(tmp_path):
    """The keys of a training on one small picture."""
    folder = tmp_path / "images"
    folder.mkdir(exist_ok=True)
    Image.fromarray(toy_picture(0, (64, 64), np.uint8)[1]).save(folder / "a.png")
    return ["DATASET.ROOT", str(folder)]


def pooled(made, picture, parts):
    seen = Statistics()
    for part in parts:
        made.tiles(torch.from_numpy(picture[None, :, part]), into=seen)
    return seen


def test_statistics_of_the_image_are_those_of_tiles_side_by_side():
    method, picture = real("adgan_2d"), noise(32, 32)
    made = segmenter(*TILES, "INFERENCE.STATISTICS", "image", method=method)
    given = pooled(made, picture, [slice(0, 16), slice(16, 32)])
    tiles = [made.tiles(torch.from_numpy(picture[None, :, at : at + 16]), given=given) for at in (0, 16)]
    np.testing.assert_allclose(made.maps(picture), torch.cat(tiles, 2)[0], atol=1e-5)
    own = segmenter(*TILES, method=method).maps(picture)
    assert np.abs(own - made.maps(picture)).max() > 1e-3


def remembering(tmp_path, kind, method):
    """A segmenter that knows what its norms see of the picture that it was trained on."""
    config = load_config(TOY / "adgan_2d.yaml", ["INFERENCE.STATISTICS", kind, *trained_on(tmp_path)])
    trainer = SimpleNamespace(method=method, precision=torch.float32, iteration=0)
    seen = Remembered(config, build.image_dataset(config), build.augment(config))(trainer, 0)
    return Segmenter(method, config, torch.float32, seen)


@pytest.mark.parametrize(("kind", "alike"), [("tile", False), ("training", True)])
def test_with_statistics_of_the_training_a_place_does_not_see_what_is_far_from_it(tmp_path, kind, alike):
    picture = noise(128, 16)
    other = picture.copy()
    other[:, 64:] = -1
    made = remembering(tmp_path, kind, real("adgan_2d"))
    near, far = (made.maps(one)[:, :4] for one in (picture, other))
    assert np.allclose(near, far, atol=1e-5) == alike


@pytest.mark.parametrize("average", ["0.0", "0.9"])
def test_statistics_of_the_training_are_kept_with_its_weights(tmp_path, average):
    keys = ["SOLVER.TOTAL", "3", "SOLVER.AVERAGE", average]
    config = load_config(TOY / "adgan_2d.yaml", [*trained_on(tmp_path), *keys])
    made = Segmenter.open(train(config, tmp_path / "run"))
    rng, seen = np.random.default_rng(config.SYSTEM.SEED), Statistics()
    images, augment = build.image_dataset(config), build.augment(config)
    for _ in range(norm_statistics.CROPS):  # one by one, where the training takes many at once
        made.watch(draw(images, augment, rng, (32, 32)).image[None], seen)
    assert seen.layers[0].count == norm_statistics.CROPS * 32 * 32
    for one, other in zip(seen.layers, made.remembered.layers, strict=True):
        assert one.count == other.count
        torch.testing.assert_close(one.mean, other.mean, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(one.variance, other.variance, atol=1e-6, rtol=1e-6)
    picture = noise(32, 32)
    np.testing.assert_array_equal(
        made.maps(picture), made.tiles(torch.from_numpy(picture)[None], given=made.remembered)[0]
    )
    tile = Segmenter.open(Run.open(tmp_path / "run", (), ["INFERENCE.STATISTICS", "tile"]))
    assert np.abs(tile.maps(picture) - made.maps(picture)).max() > 1e-3


def test_of_large_crops_fewer_are_watched(monkeypatch, tmp_path):
    monkeypatch.setattr(norm_statistics, "VOXELS", 20 * 32 * 32)
    made = remembering(tmp_path, "training", real("adgan_2d"))
    assert made.remembered.layers[0].count == 20 * 32 * 32


def test_a_run_that_did_not_keep_them_is_told(tmp_path):
    method = real("adgan_2d")
    Run(tmp_path / "run", load_config(TOY / "adgan_2d.yaml")).create().save(
        {"iteration": 1}, weights_of(method)
    )
    with pytest.raises(RunError, match=r"STATISTICS training .*STATISTICS tile"):
        Segmenter.open(Run.open(tmp_path / "run", (), ["INFERENCE.STATISTICS", "training"]))
    assert Segmenter.open(Run.open(tmp_path / "run")).statistics == "tile"
