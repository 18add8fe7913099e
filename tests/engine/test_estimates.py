"""Settings of masks left empty are measured when a training begins."""

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from nucleizoo import api
from nucleizoo.core.errors import ConfigError
from nucleizoo.engine.estimates import completed
from nucleizoo.kinds import SOURCES
from nucleizoo.ops.ellipsoids import place

TOY = Path(__file__).parents[2] / "configs" / "toy" / "adgan_2d.yaml"
EMPTY = ["DATASET.SOURCE.SEMI_AXIS", "[]", "DATASET.SOURCE.COUNT", "[]"]
SHORT = ["SOLVER.TOTAL", "1", "MONITOR.SNAPSHOT", "0"]


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
    monkeypatch.setattr("nucleizoo.engine.estimates._crops", None)
    again = api.train(config(ellipses, *EMPTY), tmp_path / "run", resume=True)
    assert again.config.DATASET.SOURCE.SEMI_AXIS == measured and again.is_finished


def test_samples_are_drawn_with_what_was_measured(ellipses, tmp_path):
    written = list(api.sample(config(ellipses, *EMPTY), tmp_path / "look", count=2, size=(256, 256)))
    assert all(10 <= one.count <= 30 for one in written)


def test_images_without_nuclei_are_refused_with_the_keys_to_set(ellipses, tmp_path, monkeypatch):
    def nothing(images):
        raise ValueError("no nucleus was found")

    monkeypatch.setattr(SOURCES.get("synthetic"), "measured", nothing)
    with pytest.raises(ConfigError, match=r"SEMI_AXIS cannot be measured.*set them"):
        api.train(config(ellipses, *EMPTY), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nuclei_too_large_to_learn_well_are_told_with_the_zoom_that_helps(tmp_path, caplog):
    y, x = np.mgrid[:256, :256] - 128
    tifffile.imwrite(tmp_path / "one.tif", np.where(y**2 + x**2 < 60**2, 200, 10).astype(np.uint8))
    with caplog.at_level(logging.WARNING):
        completed(config(tmp_path, *EMPTY))
    assert "DATASET.IMAGE.ZOOM to 0." in caplog.text
