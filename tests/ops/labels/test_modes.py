"""Modes of points whose clusters are known."""

import numpy as np
import pytest
from sklearn.cluster import MeanShift

from nucleizoo.ops.labels.modes import Climb


def test_points_go_to_the_densest_place_near_them():
    landed = np.array([2, 2, 2, 3, 4, 12, 13, 13])
    assert Climb((1, 1), 5)(landed, (1, 20)).tolist() == [2, 2, 2, 2, 2, 13, 13, 13]


def test_of_equal_places_the_first_is_taken_and_points_still_moving_have_none():
    assert Climb((1, 2), 1)(np.array([5, 6]), (1, 9)).tolist() == [5, 5]
    slope = np.repeat(np.arange(9), np.arange(1, 10))
    assert set(Climb((1, 1), 3)(slope, (1, 9))[slope < 5].tolist()) == {-1}


def test_clusters_are_those_of_mean_shift():
    rng = np.random.default_rng(0)
    middles = np.array([[12, 12], [12, 34], [33, 20], [40, 44]])
    points = np.rint(np.concatenate([rng.normal(m, 1.5, (60, 2)) for m in middles])).astype(int)
    climb = Climb((2, 2), 10, (2.0, 2.0))
    modes = climb(np.ravel_multi_index(points.T, (60, 60)), (60, 60))
    theirs = MeanShift(bandwidth=6).fit(points).labels_
    pairs = {(a, b) for a, b in zip(modes.tolist(), theirs.tolist(), strict=True)}
    assert len(pairs) == len(set(modes.tolist())) == 4


@pytest.mark.parametrize("smooth", [(), (1.0, 0.5)])
def test_a_part_with_enough_around_it_has_the_modes_of_the_whole(smooth):
    climb = Climb((2, 1), 2, smooth)
    points = np.random.default_rng(1).integers(0, (40, 60), (900, 2))
    whole = climb(np.ravel_multi_index(points.T, (40, 60)), (40, 60))
    near, far = climb.reach
    seen = points[:, 0] >= 8
    part = climb(np.ravel_multi_index((points[seen] - [8, 0]).T, (32, 60)), (32, 60))
    judged = points[seen][:, 0] >= 8 + 2 * near
    moved = np.where(part >= 0, part + 8 * 60, -1)
    np.testing.assert_array_equal(moved[judged], whole[seen][judged])
    assert judged.any() and near < 20 and far < 20
