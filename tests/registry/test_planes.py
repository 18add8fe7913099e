"""Planes of synthetic volumes."""

import numpy as np
import pytest

from nucleizoo import DATASETS
from nucleizoo.contracts import DataSpec
from nucleizoo.core.plugins import load_plugins

load_plugins()
ROUND = {"semi_axis": (8.0, 8.0), "eccentricity": (0.0, 0.0)}


def planes(dims=2, spacing=(), depth=16, **settings):
    source = DATASETS.recipe("synthetic", **ROUND, **settings)
    return DATASETS.get("planes")(DataSpec(dims, spacing=spacing), source=source, depth=depth)


def test_a_plane_cuts_balls_anywhere():
    """Half the planes through a ball of radius r show a disc of less than sqrt(3) / 2 r."""
    made = planes(count=(1, 1), depth=48)
    areas = np.array(
        [np.count_nonzero(made.sample(np.random.default_rng(i), (48, 48)).labels) for i in range(300)]
    )
    shown, full = areas[areas > 0], np.pi * 8**2
    assert areas.max() < 1.1 * full
    assert np.mean(shown < 0.75 * full) > 0.5  # the border cuts some further
    # 17 of 48 planes at most meet a ball, fewer where the end of the volume cuts it
    assert 0.2 < np.mean(areas > 0) < 17 / 48 + 0.08


def test_a_plane_is_one_of_the_volume_that_the_same_numbers_give():
    made = planes(count=(3, 6), spacing=(0.5, 0.5))
    plain = DATASETS.recipe("synthetic", **ROUND, count=(3, 6))(DataSpec(3, spacing=(0.5, 0.5, 0.5)))
    sample = made.sample(np.random.default_rng(4), (40, 30))
    volume = plain.sample(np.random.default_rng(4), (16, 40, 30)).labels
    assert any(np.array_equal(sample.labels, plane) for plane in volume)
    assert sample.spacing == (0.5, 0.5) and sample.image is None


def test_in_3d_it_gives_the_volumes():
    made = planes(3, count=(3, 6), spacing=(1.0, 0.5, 0.5))
    plain = DATASETS.recipe("synthetic", **ROUND, count=(3, 6))(DataSpec(3, spacing=(1.0, 0.5, 0.5)))
    one, two = (dataset.sample(np.random.default_rng(4), (9, 40, 30)) for dataset in (made, plain))
    np.testing.assert_array_equal(one.labels, two.labels)
    assert one.spacing == (1.0, 0.5, 0.5)


def test_what_has_pictures_and_a_depth_of_nothing_are_refused():
    with pytest.raises(ValueError, match=r"SOURCE .*labels alone.*'labelled'"):
        DATASETS.get("planes")(DataSpec(2), source=DATASETS.recipe("labelled"))
    with pytest.raises(ValueError, match="DEPTH must be 1 or more, got 0"):
        planes(depth=0, count=(1, 1))
