"""Sizes measured on pictures of ellipses and balls whose axes are known, and on the real sets."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from nucleizoo.ops.synthesis.ellipsoids import place
from nucleizoo.ops.synthesis.nucleus_size import measure_sizes

DATA = Path(os.environ.get("NUCLEIZOO_DATA", Path(__file__).parents[4] / "shared" / "data"))


def pictures(size, semi_axis, eccentricity, count, images=4):
    rng = np.random.default_rng(0)
    for _ in range(images):
        labels = place(
            rng, size, semi_axis=semi_axis, eccentricity=eccentricity, count=count, gap=2,
            spacing=(1.0,) * len(size),
        )  # fmt: skip
        shades = np.append(0, rng.uniform(0.5, 1, labels.max()))[labels]
        yield ndimage.gaussian_filter(shades, 1) + rng.normal(0, 0.02, size), labels.max()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("axis", [8, 20])
def test_ellipses_are_measured_in_both_polarities(dark, axis):
    made = list(pictures((256, 256), (axis, axis), (0.6, 0.6), (12, 20)))
    sizes = measure_sizes([(-1 if dark else 1) * 500 * image + 1000 for image, _ in made])
    assert sizes.dark == dark and sizes.window == (256, 256)
    assert all(abs(found - axis) < 0.2 * axis for found in sizes.semi_axis)
    assert sizes.eccentricity[0] < 0.6 < sizes.eccentricity[1] + 0.1
    true = [count for _, count in made]
    assert sizes.count[0] <= np.median(true) <= sizes.count[1]


def test_balls_are_measured_in_volumes():
    made = list(pictures((40, 96, 96), (9, 9), (0, 0), (8, 12), images=2))
    sizes = measure_sizes([image for image, _ in made])
    assert all(abs(found - 9) < 2 for found in sizes.semi_axis) and sizes.window == (40, 96, 96)
    assert sizes.count[0] <= np.median([count for _, count in made]) <= sizes.count[1]


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ValueError, match="no images"):
        measure_sizes([])
    with pytest.raises(ValueError, match="no nucleus"):
        measure_sizes([np.zeros((64, 64))])


@pytest.mark.skipif(not DATA.exists(), reason="the annotated sets are not here")
@pytest.mark.parametrize(
    ("name", "semi_axis", "count"),
    [("hela_n2dl", (13, 20), 15), ("round_dense", (8, 15), 38), ("u2os_20x", (14, 23), 21)],
)
def test_real_sets_are_within_a_quarter_of_what_their_labels_say(name, semi_axis, count):
    files = sorted((DATA / name / "train" / "images").glob("*.png"))[::8]
    sizes = measure_sizes([np.asarray(Image.open(file))[:600, :600] for file in files])
    for found, true in zip(sizes.semi_axis, semi_axis, strict=True):
        assert abs(found - true) <= 0.25 * true
    assert sizes.count[0] <= count <= sizes.count[1]


def test_one_small_image_does_not_change_the_window_or_the_count():
    made = [image for image, _ in pictures((256, 256), (8, 8), (0.3, 0.3), (40, 50))]
    alone, among = measure_sizes(made), measure_sizes([*made, made[0][:40, :40]])
    assert alone.window == among.window == (256, 256)
    assert abs(alone.count[0] - among.count[0]) <= 3 and abs(alone.count[1] - among.count[1]) <= 5


def test_rods_have_an_eccentricity_that_masks_can_be_drawn_with():
    picture = np.zeros((256, 256))
    for row in range(20, 236, 24):
        picture[row : row + 5, 20:120] = picture[row : row + 5, 140:240] = 1
    assert measure_sizes([picture]).eccentricity[1] <= 0.99
