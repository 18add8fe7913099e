"""Thresholds of intensities and declumping by intensity, on pictures whose answer is known."""

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
import torch
from skimage import filters
from support.naming import names

from nucleizoo import Task, api
from nucleizoo.build import Experiment
from nucleizoo.core.errors import UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DECODERS, METHODS, TARGETS

load_plugins()

CONFIG = Path(__file__).parents[2] / "configs" / "threshold_2d.yaml"


def above(picture, **settings):
    """Where a picture (*S) in [0, 1] is nucleus."""
    task = Task(1, 1, picture.ndim, TARGETS.recipe("mask")())
    method = METHODS.get("threshold")(task, **({"smooth": 0} | settings))
    image = torch.from_numpy(picture[None, None] * 2 - 1).float()
    return method(image)[0, 0].numpy() > 0.5


def discs(size, centres, radius):
    """A picture of 1 in discs, 0 elsewhere."""
    place = np.indices(size)
    far = [np.sqrt(sum((p - c) ** 2 for p, c in zip(place, centre, strict=True))) for centre in centres]
    return (np.min(far, axis=0) < radius).astype(float)


@pytest.mark.parametrize("size", [(60, 70), (20, 30, 30)])
@pytest.mark.parametrize(("rule", "oracle"), [
    ("otsu", filters.threshold_otsu),
    ("otsu3", lambda p: filters.threshold_multiotsu(p, nbins=128)[0]),
    ("minimum_cross_entropy", lambda p: filters.threshold_li(p, tolerance=0.5 / 65536)),
])  # fmt: skip
def test_a_rule_gives_its_threshold(rule, oracle, size):
    picture = np.random.default_rng(0).beta(0.8, 2, size)
    np.testing.assert_array_equal(above(picture, rule=rule), picture > oracle(picture))


def test_the_second_of_three_classes_is_what_is_asked_for():
    picture = np.repeat([[0.1, 0.5, 0.9]], 20, 0).repeat(20, 1) + np.random.default_rng(0).normal(
        0, 0.01, (20, 60)
    )
    share = [above(picture, rule="otsu3", middle=middle).mean() for middle in ("foreground", "background")]
    assert share == pytest.approx([2 / 3, 1 / 3], abs=0.005)


def test_the_correction_multiplies_and_limits_hold():
    picture = np.random.default_rng(0).random((50, 50))
    threshold = filters.threshold_otsu(picture)
    for settings, wanted in (
        ({"correction": 1.5}, 1.5 * threshold), ({"upper": 0.2}, 0.2), ({"lower": 0.9}, 0.9),
    ):  # fmt: skip
        np.testing.assert_array_equal(above(picture, rule="otsu", **settings), picture > wanted)


@pytest.mark.parametrize("strategy", ["global", "adaptive"])
def test_a_picture_of_one_value_has_no_nucleus(strategy):
    for value in (0, 0.3, 1):
        assert not above(np.full((120, 130), value), strategy=strategy).any()


def test_local_thresholds_see_dim_nuclei_on_a_slope_that_one_threshold_cannot():
    """Nuclei stand 0.15 above a background that rises by 0.6: its bright end is brighter than dim nuclei."""
    centres = [(y, x) for y in range(20, 200, 40) for x in range(20, 400, 40)]
    nuclei = discs((200, 400), centres, 10) > 0
    picture = nuclei * 0.15 + np.linspace(0.2, 0.8, 400)
    picture += np.random.default_rng(0).normal(0, 0.005, picture.shape)

    def iou(found):
        return (found & nuclei).sum() / (found | nuclei).sum()

    assert iou(above(picture, rule="otsu")) < 0.3
    assert iou(above(picture, rule="otsu", strategy="adaptive", window=40, correction=1.02)) > 0.8


def test_a_local_threshold_stays_near_the_global_one_where_there_is_nothing():
    """Half of the picture is dark noise, whose own threshold would be in its middle."""
    rng = np.random.default_rng(0)
    picture = np.full((100, 200), 0.1) + rng.normal(0, 0.01, (100, 200))
    picture[:, :100] += 0.8 * discs((100, 100), [(30, 30), (70, 70)], 15)
    found = above(picture, strategy="adaptive", window=50)
    assert found[:, :100].sum() == pytest.approx(2 * np.pi * 15**2, rel=0.05)
    assert not found[:, 100:].any()


def test_half_of_the_weight_of_smoothing_is_within_its_diameter():
    point = np.zeros((81, 81))
    point[40, 40] = 1
    line = [above(point, smooth=20, lower=float(t), upper=float(t)).any() for t in np.arange(1, 40) * 1e-4]
    sigma = 10 / 0.6744897501960817  # of a Gaussian, whose quartiles are 10 pixels from its middle
    assert sum(line) == pytest.approx(1 / (2 * np.pi * sigma**2) / 1e-4, abs=1)


@pytest.mark.parametrize("size", [(60, 80), (24, 40, 60)])
def test_bright_nuclei_that_touch_are_declumped_by_intensity(size):
    """Two balls that are bright in the middle, and overlap so far that their outline has no waist."""
    middle = [n // 2 for n in size]
    far = np.abs(np.indices(size).T - middle).T
    apart = np.hypot.reduce([*far[:-1], np.abs(np.indices(size)[-1] - middle[-1]) - 9])
    tube = np.hypot.reduce(far[:-1]) < 10
    picture = np.where(tube & (apart < 14), 0.6 + 0.4 * np.exp(-((apart / 6) ** 2)), 0.0)
    mask = {"mask": picture.astype(np.float32)}
    assert DECODERS.get("components")(split=5)(mask).max() == 1
    found = DECODERS.get("declump")(smooth=1.5, radius=7)(mask)
    assert found.max() == 2
    np.testing.assert_array_equal(found > 0, picture > 0.5)
    left = np.broadcast_to(np.arange(size[-1]) < middle[-1] - 1, size)
    assert len(np.unique(found[left & (found > 0)])) == 1


@pytest.mark.parametrize(("settings", "said"), [
    ({"rule": "kapur"}, ("RULE", "otsu", "kapur")),
    ({"strategy": "local"}, ("STRATEGY", "adaptive", "local")),
    ({"lower": 0.6, "upper": 0.5}, ("LOWER", "UPPER", "0.6")),
    ({"window": 1}, ("WINDOW", "1")),
    ({"correction": 0}, ("CORRECTION", "0")),
])  # fmt: skip
def test_settings_out_of_range_are_named(settings, said):
    with pytest.raises(ValueError) as caught:
        above(np.zeros((9, 9)), **settings)
    names(str(caught.value), *said)


@pytest.fixture
def run(tmp_path):
    """The run of a configuration that ships, made in no step and without data."""
    return api.train(api.load_config(CONFIG, ["METHOD.SMOOTH", "0.0"]), tmp_path / "run")


def test_a_run_without_a_step_segments(run, tmp_path):
    picture = 20 + 200 * discs((120, 160), [(30, 30), (40, 90), (80, 60)], 12)
    imageio.imwrite(tmp_path / "a.png", picture.astype(np.uint8))
    assert run.is_finished
    assert list(api.predict(run.path, [tmp_path / "a.png"], tmp_path / "out"))
    labels = tifffile.imread(tmp_path / "out" / "a_label.tif")
    assert labels.max() == 3
    np.testing.assert_array_equal(labels > 0, picture > 100)


def test_what_measures_whole_pictures_is_not_predicted_in_parts(run, tmp_path):
    with pytest.raises(UserError) as caught:
        Experiment.check(api.load_config(CONFIG, ["INFERENCE.WINDOW", "[64, 64]"]))
    names(str(caught.value), "threshold", "INFERENCE.WINDOW", "[]")
    imageio.imwrite(tmp_path / "a.png", np.zeros((50, 50), np.uint8))
    with pytest.raises(UserError) as caught:
        list(api.predict(run.path, [tmp_path / "a.png"], tmp_path / "out", blocks=True))
    names(str(caught.value), "threshold", "--blocks")


def test_steps_of_a_method_that_learns_nothing_are_refused():
    with pytest.raises(UserError) as caught:
        Experiment.check(api.load_config(CONFIG, ["SOLVER.TOTAL", "5"]))
    names(str(caught.value), "threshold", "SOLVER.TOTAL", "0")
