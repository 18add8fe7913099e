import numpy as np
import pytest

from nucleizoo.ops.synthesis.texture import enlarge, in_voxels, membranes, smooth_noise


def correlation(field, lag, axis):
    ahead, behind = np.moveaxis(field, axis, 0)[lag:], np.moveaxis(field, axis, 0)[:-lag]
    return np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]


def test_noise_has_mean_0_and_variance_1_whatever_its_grain():
    rng = np.random.default_rng(0)
    for grain in ((1.0, 1.0), (2.0, 5.0), (0.3, 3.7)):
        fields = [smooth_noise(rng, (60, 70), grain) for _ in range(60)]
        assert all(field.dtype == np.float32 and field.shape == (60, 70) for field in fields)
        assert abs(np.mean(fields)) < 0.05 and np.var(fields) == pytest.approx(1, abs=0.06)


def test_voxels_within_a_grain_are_alike_and_beyond_four_grains_independent():
    field = smooth_noise(np.random.default_rng(0), (30, 200, 300), (1.0, 4.0, 8.0))
    near = {axis: correlation(field, 4, axis) for axis in range(3)}
    # along an axis of grain g, splines overlap by a share that depends on lag / g alone
    assert abs(near[0]) < 0.03 and near[1] == pytest.approx(0.497, abs=0.03) and near[2] > 0.8
    assert abs(correlation(field, 32, 2)) < 0.03


def test_noise_repeats_with_its_seed():
    one, two = (smooth_noise(np.random.default_rng(7), (9, 9), (3.0, 3.0)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_a_plane_stays_a_plane_when_it_is_enlarged():
    y, x = np.indices((60, 80)).astype(np.float32)
    plane = 3 * y - 2 * x
    made = enlarge(plane[::4, ::5], (60, 80), (4, 5))
    # cubic splines reproduce straight lines wherever all four of their points are there
    np.testing.assert_allclose(made[8:-12, 10:-15], plane[8:-12, 10:-15], atol=1e-3)


def test_enlarging_keeps_constants_and_leading_axes_and_creates_no_new_extremes():
    coarse = np.random.default_rng(0).random((3, 4, 5, 6), np.float32)
    made = enlarge(coarse, (7, 17, 18), (2, 4, 3))
    assert made.shape == (3, 7, 17, 18) and made.min() >= coarse.min() and made.max() <= coarse.max()
    np.testing.assert_allclose(enlarge(np.ones((2, 3), np.float32), (5, 9), (3, 4)), 1, rtol=1e-6)


def test_a_membrane_runs_halfway_between_two_nuclei():
    labels = np.zeros((80, 81), np.int32)
    labels[:, 0:20], labels[:, 61:] = 1, 2
    places = []
    for seed in range(40):
        depth = membranes(labels, np.random.default_rng(seed), radius=40.0, voxel=(1.0, 1.0))
        assert depth.shape == labels.shape and 0 <= depth.min() and depth.max() <= 1 + 1e-5
        middle = depth[40]
        if middle.min() < 0.1 and (middle[0] > 0.5 < middle[-1]):
            places.append(int(middle.argmin()))
    assert len(places) > 20  # the pair is told apart in seven cases of eight, where no third cell interferes
    assert np.median(places) == pytest.approx(40, abs=6)


def test_there_are_cells_where_there_are_no_nuclei():
    depth = membranes(np.zeros((6, 9), np.int32), np.random.default_rng(0), radius=1.0, voxel=(1.0, 1.0))
    assert depth.shape == (6, 9) and np.isfinite(depth).all()


def test_a_length_becomes_voxels_axis_by_axis():
    assert in_voxels(6.0, (3.0, 1.0, 0.5)) == (2.0, 6.0, 12.0)
