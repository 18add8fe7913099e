"""Volumes seen from a side, held against arithmetic and the geometry of balls."""

import numpy as np
import pytest

from nucleizoo.ops.labels import projection
from nucleizoo.ops.labels.projection import ABOVE, BELOW, RIGHT, oblique
from nucleizoo.ops.labels.smooth import Cubes

GREY = np.full((9, 3), 200, np.uint8)


def test_sides_are_maxima_along_axes_and_fit_together():
    volume = np.random.default_rng(0).random((5, 7, 9)).astype(np.float32)
    above, below, right = (projection.brightest(volume, view) for view in (ABOVE, BELOW, RIGHT))
    np.testing.assert_array_equal(above, volume.max(0))
    np.testing.assert_array_equal(below, volume.max(1))  # z down, x as above
    np.testing.assert_array_equal(right, volume.max(2).T)  # y as above, z to the right


def test_what_is_in_front_hides_what_is_behind():
    labels = np.zeros((6, 8, 10), np.int32)
    labels[1, 2:6, 2:8], labels[4, 3:7, 3:9] = 1, 2
    seen, far = projection.first(labels, ABOVE)
    assert seen[3, 3] == 1 and seen[6, 8] == 2
    assert far[3, 3] == pytest.approx(1 / 5) and far[6, 8] == pytest.approx(4 / 5) and far[0, 0] == 0
    labels[:, 7] = 3  # the lower edge is near, seen from below
    assert set(np.unique(projection.first(labels, BELOW)[0])) == {3}


@pytest.mark.parametrize(("turn", "tilt", "view"), [(0, 0, ABOVE), (0, 90, BELOW), (-90, 90, RIGHT)])
def test_the_oblique_view_moves_from_above_towards_the_sides(turn, tilt, view):
    axes = oblique(turn, tilt).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(axes[2], view.axes[2], atol=1e-12)


def test_an_oblique_view_shows_every_corner_and_a_ball_as_round():
    view, shape = oblique(), (20, 30, 40)
    corners = view.seen_at(np.array(list(np.ndindex(2, 2, 2))) * (np.array(shape) - 1.0), shape)
    assert corners.min() >= 0 and (corners <= np.array(view.extent(shape)) - 1).all()
    far = sum((line - 12.0) ** 2 for line in np.ogrid[:25, :25, :25])
    seen, _ = projection.first((far < 100).astype(np.int32), view)
    assert seen.sum() == pytest.approx(np.pi * 100, rel=0.1)
    assert view.edges(shape).shape == (9, 2, 2)


def test_surfaces_towards_the_light_are_brighter_and_those_far_away_darker():
    far = sum((line - 15.0) ** 2 for line in np.ogrid[:31, :31, :31])
    rgb, solid = projection.shaded((far < 144).astype(np.int32), GREY, ABOVE)
    assert rgb[9, 9, 0] > 1.3 * rgb[21, 21, 0] and not rgb[~solid].any()
    flat = np.zeros((40, 20, 40), np.int32)
    flat[0, :, :18], flat[39, :, 22:] = 1, 2
    near, away = projection.shaded(flat, GREY, ABOVE)[0][10, [9, 30], 0].astype(float)
    assert away / near == pytest.approx(projection.FAR, abs=0.02)


def test_neighbours_that_touch_still_touch_on_smooth_cubes():
    labels = np.zeros((6, 20, 20), np.int32)
    labels[1:5, 4:16, 4:10], labels[1:5, 4:16, 10:16] = 1, 2
    made = projection.smooth_labels(labels, Cubes(labels.shape, (2.0, 1.0, 1.0), 0.5))
    assert made.shape == (24, 40, 40) and made[12, 20, 10:30].all()
    assert made[12, 20, 18] == 1 and made[12, 20, 21] == 2
    assert not made[0].any() and not made[12, 20, 2]
