"""Settings of masks left empty are measured when a training begins."""

import logging
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import yaml
from scipy import ndimage
from support.naming import names

from nucleizoo import api, build, io
from nucleizoo.cli import main
from nucleizoo.core.errors import ConfigError, ImageReadError
from nucleizoo.kinds import DATASETS
from nucleizoo.ops.synthesis.ellipsoids import place
from nucleizoo.training import autoconfig

TOY = Path(__file__).parents[2] / "configs" / "toy" / "adgan_2d.yaml"
EMPTY = ["DATASET.SOURCE.SEMI_AXIS", "[]", "DATASET.SOURCE.COUNT", "[]"]
SHORT = ["SOLVER.TOTAL", "1", "MONITOR.SNAPSHOT", "0", "MONITOR.VALIDATE", "0"]


def completed(config, known=None):
    return autoconfig.completed(config, known)[0]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Windows enough to measure; there are more where few images give many."""
    monkeypatch.setattr(autoconfig, "MOST", 6)


@pytest.fixture(scope="module")
def ellipses(tmp_path_factory):
    """Two pictures of 256x256 with some 20 nuclei whose semi-axes are 8 pixels, dim ones among them."""
    folder, rng = tmp_path_factory.mktemp("ellipses"), np.random.default_rng(0)
    for i in range(2):
        labels = place(rng, (256, 256), semi_axis=(8, 8), eccentricity=(0.5, 0.5), count=(20, 20), gap=2)
        shades = np.append(0, rng.uniform(0.5, 1, labels.max()))[labels]
        noisy = ndimage.gaussian_filter(shades, 1) + rng.normal(0, 0.02, labels.shape)
        tifffile.imwrite(folder / f"{i}.tif", (1000 * noisy + 500).astype(np.uint16))
    return folder


def config(folder, *words):
    return api.load_config(TOY, ["DATASET.ROOT", str(folder), "DATASET.IMAGE.PATH", "", *SHORT, *words])


def test_empty_ranges_are_those_of_the_images(ellipses):
    source = completed(config(ellipses, *EMPTY)).DATASET.SOURCE
    assert all(abs(axis - 8) < 1.6 for axis in source.SEMI_AXIS)
    assert source.COUNT[0] <= 20 <= source.COUNT[1] and source.PATCH == (256, 256)


def test_sizes_are_those_after_zoom_and_not_changed_by_curves(ellipses):
    plain = completed(config(ellipses, *EMPTY)).DATASET.SOURCE.SEMI_AXIS
    curved = completed(config(ellipses, *EMPTY, "DATASET.IMAGE.SCALING.ASINH", "0.02")).DATASET.SOURCE
    assert curved.SEMI_AXIS == plain
    halved = completed(config(ellipses, *EMPTY, "DATASET.IMAGE.ZOOM", "[0.5]")).DATASET.SOURCE.SEMI_AXIS
    assert np.allclose(np.array(halved) * 2, plain, rtol=0.25)


def test_what_is_given_stays(ellipses):
    source = completed(config(ellipses, *EMPTY[:2], "DATASET.SOURCE.COUNT", "[3, 4]")).DATASET.SOURCE
    assert source.COUNT == (3, 4) and source.PATCH == config(ellipses).DATASET.SOURCE.PATCH
    whole = config(ellipses)
    assert completed(whole) is whole


def test_a_run_holds_what_was_measured_and_is_continued_without_measuring(ellipses, tmp_path, monkeypatch):
    run = api.train(config(ellipses, *EMPTY), tmp_path / "run")
    measured = run.config.DATASET.SOURCE.SEMI_AXIS
    assert api.load_config(tmp_path / "run" / "config.yaml").DATASET.SOURCE.SEMI_AXIS == measured != ()
    monkeypatch.setattr("nucleizoo.training.autoconfig._crops", None)
    again = api.train(config(ellipses, *EMPTY), tmp_path / "run", resume=True)
    assert again.config.DATASET.SOURCE.SEMI_AXIS == measured and again.is_finished


def test_samples_are_drawn_with_what_was_measured(ellipses, tmp_path):
    written = list(api.sample(config(ellipses, *EMPTY), tmp_path / "look", count=2, size=(256, 256)))
    assert all(10 <= one.count <= 30 for one in written)


def test_images_without_nuclei_are_refused_with_the_keys_to_set(ellipses, tmp_path, monkeypatch):
    def nothing(images, spacing):
        raise ValueError("no nucleus was found")

    monkeypatch.setattr(DATASETS.get("synthetic"), "measured", nothing)
    with pytest.raises(ConfigError, match=r"DATASET\.SOURCE: .*SEMI_AXIS .*no nucleus was found.* set\b"):
        api.train(config(ellipses, *EMPTY), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nuclei_too_large_to_learn_well_are_told_with_the_zoom_that_helps(tmp_path, caplog):
    y, x = np.mgrid[:256, :256] - 128
    tifffile.imwrite(tmp_path / "one.tif", np.where(y**2 + x**2 < 60**2, 200, 10).astype(np.uint8))
    with caplog.at_level(logging.WARNING):
        completed(config(tmp_path, *EMPTY))
    assert re.search(r"DATASET\.IMAGE\.ZOOM .*\b0\.\d", caplog.text)


def balls(folder, spacing, count=30):
    """A volume of some 30 balls of 6 um in 40x128x128 um, with planes as thick as `spacing` says."""
    rng, depth = np.random.default_rng(0), round(40 / spacing[0])
    labels = place(rng, (40, 128, 128), semi_axis=(6, 6), eccentricity=(0, 0), count=(count, count), gap=2)
    blurred = ndimage.gaussian_filter(np.where(labels > 0, 200.0, 10.0), 1)
    thick = blurred.reshape(depth, -1, 128, 128).mean(1)
    noisy = thick + rng.normal(0, 2, thick.shape)
    io.write_image(folder / "balls.tif", noisy.astype(np.float32), spacing, "ZYX")
    return folder


@pytest.mark.parametrize("thick", [1.0, 4.0])
def test_as_many_nuclei_are_drawn_whatever_the_thickness_of_planes(tmp_path, thick, monkeypatch):
    monkeypatch.setattr(autoconfig, "MOST", 1)
    spacing = (thick, 1.0, 1.0)
    whole = api.load_config(
        TOY.with_name("adgan_3d.yaml"),
        ["DATASET.ROOT", str(balls(tmp_path, spacing)), "DATASET.IMAGE.PATH", "", *EMPTY,
         "DATASET.SPACING", str(list(spacing))],
    )  # fmt: skip
    source = completed(whole)
    assert source.DATASET.SOURCE.PATCH[0] == round(40 / thick)
    drawn = build.source_dataset(source)
    shape = (round(40 / thick), 128, 128)
    counts = [drawn.sample(np.random.default_rng(i), shape).labels.max() for i in range(4)]
    assert 20 <= np.mean(counts) <= 45
    assert api.estimate([tmp_path]).window == source.DATASET.SOURCE.PATCH


def test_small_images_are_measured_as_they_are_and_not_in_a_mirror(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(12):
        labels = place(rng, (96, 96), semi_axis=(12, 12), eccentricity=(0, 0), count=(6, 6), gap=2)
        picture = ndimage.gaussian_filter(np.where(labels > 0, 200.0, 10.0), 1)
        tifffile.imwrite(tmp_path / f"{i:02d}.tif", picture.astype(np.uint8))
    source, told = completed(config(tmp_path, *EMPTY)).DATASET.SOURCE, api.estimate([tmp_path])
    assert source.PATCH == told.window == (96, 96)
    assert np.allclose(source.SEMI_AXIS, told.semi_axis, atol=0.5) and source.SEMI_AXIS[1] < 13
    assert source.COUNT[0] <= 6 <= source.COUNT[1]


def discs(radius, step):
    """A picture of 128x128 with discs of a radius on a grid."""
    y, x = np.mgrid[:128, :128] % step - step // 2
    return np.where(y**2 + x**2 <= radius**2, 200, 10).astype(np.uint8)


def test_the_channel_to_measure_is_asked_for_and_taken(tmp_path):
    both = np.stack([discs(12, 32), discs(5, 16)])
    tifffile.imwrite(tmp_path / "two.tif", both, imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(ImageReadError) as refused:
        api.estimate([tmp_path])
    names(refused.value, "two.tif", "2 channels", "--channel", "'0'", "'1'")
    for channel, radius in (("0", 12), ("1", 5)):
        low, high = api.estimate([tmp_path], channel=channel).semi_axis
        assert radius - 1.5 < low <= high < radius + 1.5
    for channel in ("2", "luminance", "green"):
        with pytest.raises(ImageReadError, match=f"two.tif.*'{channel}'"):
            api.estimate([tmp_path], channel=channel)


def test_the_dataset_to_measure_can_be_named(tmp_path, capsys):
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["large"], file["small"] = discs(12, 32), discs(5, 16)
    with pytest.raises(ImageReadError, match="large, small"):
        api.estimate([tmp_path])
    assert main(["estimate", str(tmp_path / "v.h5"), "--dataset", "small"]) == 0
    low, high = yaml.safe_load(capsys.readouterr().out)["DATASET"]["SOURCE"]["SEMI_AXIS"]
    assert 3.5 < low <= high < 6.5


def test_images_that_stay_in_their_files_are_measured_alike(ellipses):
    whole, filed = (completed(config(ellipses, *EMPTY, "DATASET.IMAGE.CACHE_GB", gb)) for gb in ("4", "0"))
    assert whole.DATASET.SOURCE == filed.DATASET.SOURCE
