import numpy as np
import pytest

from nucleizoo.ops.image.geometry import centre_crop, extent, flip, resample, voxel_shape


def picture(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_voxels_are_measured_by_the_last_axis():
    assert voxel_shape((2.0, 0.5, 0.5), 3) == (4.0, 1.0, 1.0)
    assert voxel_shape((), 2) == (1.0, 1.0)
    for wrong in ((1.0,), (0.0, 1.0)):
        with pytest.raises(ValueError, match="2 values above 0"):
            voxel_shape(wrong, 2)


def test_centre_crop_takes_the_middle_and_refuses_a_small_array():
    assert centre_crop(np.arange(7), (3,)).tolist() == [2, 3, 4]
    with pytest.raises(ValueError, match=r"\(8,\)"):
        centre_crop(np.arange(7), (8,))


def test_two_flips_are_none():
    image = picture(2, 5, 6)
    once = flip(image, (True, False))
    np.testing.assert_array_equal(once, image[:, ::-1])
    assert once.flags.c_contiguous
    np.testing.assert_array_equal(flip(once, (True, False)), image)


def test_no_rotation_is_a_crop():
    image = picture(1, 9, 9)
    np.testing.assert_array_equal(resample(image, (5, 5)), image[:, 2:7, 2:7])


@pytest.mark.parametrize("nearest", [False, True])
def test_a_quarter_turn_moves_the_right_side_to_the_bottom(nearest):
    image = picture(1, 9, 9)
    turned = resample(image, (9, 9), degrees=90, nearest=nearest)
    np.testing.assert_allclose(turned, np.rot90(image, -1, axes=(1, 2)), atol=1e-5)


def test_linear_interpolation_reproduces_a_ramp_under_rotation_and_zoom():
    y, x = np.mgrid[-40:41, -40:41].astype(np.float32)
    turn, zoom = np.deg2rad(25), 1.3
    turned = resample(y + 3 * x, (31, 31), degrees=25, zoom=zoom)
    v, u = np.mgrid[-15:16, -15:16] / zoom
    expected = (np.cos(turn) * v - np.sin(turn) * u) + 3 * (np.sin(turn) * v + np.cos(turn) * u)
    np.testing.assert_allclose(turned, expected, atol=1e-4)
    assert turned.dtype == np.float32


def test_depth_is_zoomed_but_not_rotated():
    z = np.broadcast_to(np.arange(-10, 11, dtype=np.float32)[:, None, None], (21, 30, 30)).copy()
    np.testing.assert_allclose(resample(z, (5, 8, 8), degrees=20)[:, 0, 0], [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(resample(z, (5, 8, 8), zoom=2)[:, 3, 3], [-1, -0.5, 0, 0.5, 1])


def test_labels_stay_labels():
    labels = np.random.default_rng(0).choice(np.array([0, 3, 2**30 + 1], np.int32), (40, 40))
    turned = resample(labels, (20, 20), degrees=17, zoom=0.9, nearest=True)
    assert turned.dtype == np.int32
    assert set(np.unique(turned)) <= {0, 3, 2**30 + 1}


@pytest.mark.parametrize("size", [(64, 64), (40, 90), (90, 40), (7, 40, 60)])
@pytest.mark.parametrize("zoom", [1.0, 0.8])
def test_the_extent_holds_every_corner(size, zoom):
    needed = extent(size, 30, zoom)
    for degrees in np.linspace(-30, 30, 13):
        turn = np.deg2rad(degrees)
        for y, x in ((1, 1), (1, -1)):
            v, u = y * (size[-2] - 1) / 2 / zoom, x * (size[-1] - 1) / 2 / zoom
            assert abs(np.cos(turn) * v - np.sin(turn) * u) <= (needed[-2] - 1) / 2 + 1e-6
            assert abs(np.sin(turn) * v + np.cos(turn) * u) <= (needed[-1] - 1) / 2 + 1e-6
    assert extent(size, 0) == size


def test_beyond_the_border_the_array_is_mirrored():
    line = np.arange(5, dtype=np.float32)[None].repeat(5, 0)
    wide = resample(line, (5, 9), zoom=0.999999)
    np.testing.assert_allclose(wide[2], [2, 1, 0, 1, 2, 3, 4, 3, 2], atol=1e-4)
