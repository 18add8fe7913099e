import numpy as np
import pytest
from scipy import ndimage

from nucleizoo.ops.image.degrade import Slip
from nucleizoo.ops.image.geometry import centre_crop
from nucleizoo.ops.image.warp import Movement, bend, displacement, farthest, read_planes, stretch


def picture(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def grid(rows, columns):
    return np.stack(np.meshgrid(rows, columns, indexing="ij")).astype(np.float32)


def test_the_bend_is_as_strong_as_noise_blurred_in_every_voxel():
    rng = np.random.default_rng(0)
    blurred = 16 * ndimage.gaussian_filter(rng.uniform(-1, 1, (600, 600)), 4.0)
    axis = np.arange(600, dtype=np.float32)
    bent = bend(rng, axis, axis, alpha=16.0, sigma=4.0)
    assert bent.shape == (2, 600, 600) and bent.dtype == np.float32
    assert blurred.std() == pytest.approx(displacement(16.0, 4.0), rel=0.05)
    assert bent.std(axis=(1, 2)) == pytest.approx([displacement(16.0, 4.0)] * 2, rel=0.05)
    assert np.abs(bent).max() <= farthest(16.0, 4.0) == pytest.approx(2.6, abs=0.01)


@pytest.mark.parametrize("distance", [2, 5, 9])
def test_the_bend_is_as_smooth_as_its_gaussian(distance):
    axis = np.arange(800, dtype=np.float32)
    bent = bend(np.random.default_rng(1), axis, axis, alpha=16.0, sigma=4.0)[0]
    along_y = np.mean(bent[distance:] * bent[:-distance]) / bent.var()
    along_x = np.mean(bent[:, distance:] * bent[:, :-distance]) / bent.var()
    expected = np.exp(-(distance**2) / (4 * 4.0**2))
    assert [along_y, along_x] == pytest.approx([expected] * 2, abs=0.05)


def test_the_bend_is_equally_strong_everywhere():
    axis = np.arange(0, 8, 0.5, dtype=np.float32)  # between two knots and beyond
    draws = [bend(np.random.default_rng(s), axis, axis, alpha=16.0, sigma=4.0) for s in range(2000)]
    strength = np.std(draws, axis=(0, 1))
    assert strength == pytest.approx(np.full((16, 16), displacement(16.0, 4.0)), rel=0.12)


def test_linear_reading_reproduces_a_ramp_and_nearest_reading_takes_labels_whole():
    y, x = np.mgrid[-10:11, -15:16].astype(np.float32)
    positions = grid(np.linspace(-9, 9.9, 12), np.linspace(-14.7, 3.2, 17))
    read = read_planes(np.stack([y + 2 * x, y - x]), positions)
    np.testing.assert_allclose(read[0], positions[0] + 2 * positions[1], atol=1e-4)
    np.testing.assert_allclose(read[1], positions[0] - positions[1], atol=1e-4)
    codes = (2**30 + 1 + 1000 * y + x).astype(np.int32)
    picked = read_planes(codes[None, None], positions, nearest=True)[0, 0]
    expected = 2**30 + 1 + 1000 * np.rint(positions[0]) + np.rint(positions[1])
    assert picked.dtype == np.int32
    np.testing.assert_array_equal(picked, expected.astype(np.int32))


@pytest.mark.parametrize("plane", [(9, 9), (8, 11), (1, 6), (2, 1)])
@pytest.mark.parametrize("nearest", [False, True])
def test_beyond_the_border_planes_are_mirrored(plane, nearest):
    image = picture(3, *plane)
    pad = 4 if min(plane) > 4 else 0
    rows, columns = (np.arange(n + 2 * pad) - (n + 2 * pad - 1) / 2 for n in plane)
    read = read_planes(image, grid(rows, columns), nearest=nearest)
    np.testing.assert_allclose(
        read, np.pad(image, ((0, 0), (pad, pad), (pad, pad)), mode="reflect"), atol=1e-5
    )


def test_a_stretched_picture_is_as_much_larger():
    y, x = np.mgrid[-30:31, -30:31]
    square = np.maximum(np.abs(y), np.abs(x)) <= 10
    rows, columns = stretch((61, 61), (1.25, 0.8))
    read = read_planes(square.astype(np.float32), grid(rows, columns)) > 0.5
    assert abs(read.any(axis=1).sum() - 21 * 1.25) <= 1
    assert abs(read.any(axis=0).sum() - 21 * 0.8) <= 1


def test_a_movement_without_anything_cuts_the_middle():
    image = picture(2, 6, 9, 10)
    np.testing.assert_array_equal(Movement((4, 5, 6))(image), centre_crop(image, (4, 5, 6)))


def test_a_movement_slips_then_loses_planes_then_turns_swaps_and_mirrors():
    image = picture(1, 7, 10, 10)
    slip = Slip(slice(2, 3), 2, (0, 1), (2, 0), 0.0)
    moved = Movement((5, 8, 8), slip, (3, 5), quarters=1, swapped=True, mirrored=(True, False, True))(image)
    planes = [image[0, z, 0:8, 1:9] for z in (0, 1, 2, 4, 6)]
    planes[2] = image[0, 2, 2:10, 0:8]
    expected = [np.fliplr(np.rot90(plane).T) for plane in planes[::-1]]
    np.testing.assert_array_equal(moved[0], expected)
    assert moved.flags.c_contiguous


def test_reading_at_the_voxels_themselves_changes_nothing():
    image = picture(1, 4, 12, 9)
    still = grid(*stretch((12, 9), (1.0, 1.0)))
    np.testing.assert_allclose(Movement((4, 12, 9), positions=still)(image), image, atol=1e-5)
