import numpy as np
import pytest

from nucleizoo.ops.image.degrade import (
    Slip,
    cut_blur,
    cut_noise,
    lost_planes,
    missing_parts,
    motion_blur,
    vary_intensity,
)


def picture(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32) * 2 - 1


def bounds(changed):
    """First and one past the last place along every axis at which something changed."""
    places = np.nonzero(changed)
    return [(int(p.min()), int(p.max()) + 1) for p in places]


def test_noise_fills_one_box_and_keeps_its_amplitude():
    before = 0.3 * picture(2, 10, 20, 30)
    after = before.copy()
    cut_noise(after, np.random.default_rng(1), box=0.4, noise=0.25)
    (c0, c1), *box = bounds(after != before)
    assert (c0, c1) == (0, 2)
    assert [end - start for start, end in box] == [4, 8, 12]
    added = (after - before)[after != before]
    assert len(added) > 0.99 * 2 * 4 * 8 * 12
    assert 0.45 < np.abs(added).max() <= 0.5 + 1e-6
    assert abs(added.mean()) < 0.05


def test_noise_stays_in_range():
    image = np.sign(picture(1, 6, 20, 20))
    cut_noise(image, np.random.default_rng(0), box=1.0, noise=0.3)
    assert image.min() >= -1 and image.max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_coarse_pixels_are_flat_and_keep_the_mean_of_every_plane(seed):
    before = picture(1, 10, 40, 60)
    after = before.copy()
    cut_blur(after, np.random.default_rng(seed), box=0.5, coarsen=(4.0, 4.0))
    _, *box = bounds(after != before)
    assert [end - start for start, end in box] == [5, 20, 30]
    cut = (0, *(slice(*ends) for ends in box))
    for old, new in zip(before[cut], after[cut], strict=True):
        assert new.mean() == pytest.approx(old.mean(), abs=1e-6)
        assert len(np.unique(new)) == 5 * 7  # 20 / 4 times 30 / 4 pixels
        assert new.std() < 0.5 * old.std()


def test_pixels_are_coarse_within_planes_alone():
    before = np.broadcast_to(np.linspace(-1, 1, 10, dtype=np.float32)[:, None, None], (10, 40, 40))
    after = before[None].copy()
    cut_blur(after, np.random.default_rng(0), box=0.5, coarsen=(2.0, 8.0))
    np.testing.assert_allclose(after[0], before, atol=1e-6)


def test_motion_smears_a_point_to_a_line_in_as_many_planes_as_asked():
    directions = set()
    for seed in range(8):
        image = np.zeros((1, 6, 31, 31), np.float32)
        image[:, :, 15, 15] = 1
        motion_blur(image, np.random.default_rng(seed), length=11, planes=2)
        smeared = [plane for plane in image[0] if plane[15, 15] < 1]
        assert len(smeared) == 2
        rows, columns = (smeared[0].sum(axis) for axis in (1, 0))
        directions.add("y" if (rows > 0).sum() == 11 else "x")
        assert sorted([(rows > 0).sum(), (columns > 0).sum()]) == [1, 11]
        np.testing.assert_allclose(smeared[0][smeared[0] > 0], 1 / 11, rtol=1e-5)
    assert directions == {"y", "x"}


def test_motion_smears_a_single_plane():
    image = picture(2, 1, 20, 20)
    before = image.copy()
    motion_blur(image, np.random.default_rng(0), length=5, planes=2)
    assert (image != before).mean() > 0.9
    assert np.abs(image).max() <= 1


def test_strips_take_the_mean_of_their_plane_and_never_two_planes_in_a_row():
    image = picture(2, 400, 20, 30)
    before = image.copy()
    missing_parts(image, np.random.default_rng(0), chance=0.9, width=9)
    hit = (image != before).any(axis=(0, 2, 3))
    assert not (hit[1:] & hit[:-1]).any()
    assert hit.mean() == pytest.approx(0.9 / 1.9, abs=0.02)
    for z in np.flatnonzero(hit):
        lost = image[:, z] != before[:, z]
        np.testing.assert_array_equal(lost[0], lost[1])
        for new, old in zip(image[:, z], before[:, z], strict=True):
            np.testing.assert_allclose(new[lost[0]], old.mean(), atol=1e-6)
            np.testing.assert_array_equal(new[~lost[0]], old[~lost[0]])
        whole_height, whole_width = lost[0].any(axis=1).all(), lost[0].any(axis=0).all()
        assert whole_height or whole_width  # from side to side
        assert min(lost[0].sum(axis=1).max(), lost[0].sum(axis=0).max()) <= 10


def test_nothing_is_missing_without_a_chance():
    image = picture(1, 5, 20, 20)
    before = image.copy()
    missing_parts(image, np.random.default_rng(0), chance=0.0, width=9)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(("depth", "lost"), [(1, 0), (2, 0), (3, 1), (4, 2), (30, 2)])
def test_planes_are_lost_between_the_first_and_the_last(depth, lost):
    seen = set()
    for seed in range(200):
        planes = lost_planes(depth, np.random.default_rng(seed), 2)
        assert len(set(planes)) == len(planes) == lost
        assert all(0 < plane < depth - 1 for plane in planes)
        seen |= set(planes)
    assert len(seen) == max(depth - 2, 0)


def test_a_slip_moves_one_plane_or_all_from_one_on_and_no_further_than_said():
    depth, height, width, shift = 6, 20, 24, 5
    y, x = np.mgrid[:height, :width]
    volume = np.broadcast_to(1000 * y + x, (depth, height, width)).astype(np.int32)
    patterns, furthest = set(), 0
    for seed in range(300):
        slip = Slip.draw(np.random.default_rng(seed), volume.shape, shift)
        if slip.degrees:
            continue
        moved = slip(volume, nearest=True)
        assert moved.shape == (depth, height - shift, width - shift)
        corners = np.stack([moved[:, 0, 0] // 1000, moved[:, 0, 0] % 1000], axis=1)
        for plane, (v, u) in zip(moved, corners, strict=True):
            np.testing.assert_array_equal(plane, volume[0, v : v + height - shift, u : u + width - shift])
        differs = (corners != corners[0]).any(axis=1)
        furthest = max(furthest, np.abs(corners - corners[0]).max())
        patterns.add(tuple(differs.tolist()))
    one = {tuple(z == first for z in range(depth)) for first in range(1, depth - 1)}
    rest = {tuple(z >= first for z in range(depth)) for first in range(1, depth - 1)}
    assert patterns == one | rest | {(False,) * depth}
    assert furthest == shift


@pytest.mark.parametrize("plane", [(60, 60), (40, 90)])
def test_a_turned_plane_stays_within_its_border_and_its_labels_turn_along(plane):
    y, x = np.mgrid[: plane[0], : plane[1]].astype(np.float32)
    ramp = np.broadcast_to(x / 100, (3, *plane)).copy()
    labels = (np.hypot(y - 20, x - 12) < 9).astype(np.int32) * (2**30 + 1)
    turned, angles = 0, []
    for seed in range(60):
        slip = Slip.draw(np.random.default_rng(seed), (3, *plane), 8)
        if not slip.degrees:
            continue
        turned += 1
        angles.append(slip.degrees)
        down, right = np.gradient(100 * slip(ramp)[1])
        np.testing.assert_allclose(np.hypot(down, right), 1, atol=1e-3)  # a fold would break the slope
        moved = slip(np.broadcast_to(labels, (3, *plane)), nearest=True)
        image = slip(np.broadcast_to(labels > 0, (3, *plane)).astype(np.float32))
        assert set(np.unique(moved)) <= {0, 2**30 + 1}
        assert ((image > 0.5) == (moved > 0)).mean() > 0.995
        np.testing.assert_array_equal(moved[0], labels[4:-4, 4:-4])
    assert turned > 15 and min(angles) < 0 < max(angles)


def test_two_planes_can_slip():
    for seed in range(10):
        slip = Slip.draw(np.random.default_rng(seed), (2, 9, 9), 2)
        assert slip(picture(1, 2, 9, 9)).shape == (1, 2, 7, 7)


def test_other_light_keeps_the_order_and_the_range():
    ramp = np.linspace(-1, 1, 100, dtype=np.float32)
    seen = set()
    for seed in range(50):
        lit = vary_intensity(ramp, np.random.default_rng(seed), contrast=0.15, brightness=0.15, gamma=1.0)
        assert lit.dtype == np.float32 and lit.min() >= -1 and lit.max() <= 1
        assert (np.diff(lit) >= 0).all()
        seen.add(float(lit[50]))
    assert len(seen) == 50
    same = vary_intensity(ramp, np.random.default_rng(0), contrast=0, brightness=0, gamma=0)
    np.testing.assert_allclose(same, ramp, atol=1e-6)


@pytest.mark.parametrize(
    ("limits", "low", "high"),
    [
        ({"contrast": 0.2}, 0.4, 0.6),  # half the range, times 0.8 to 1.2
        ({"brightness": 0.2}, 0.3, 0.7),
        ({"gamma": 1.0}, 0.25, 0.5**0.5),
    ],
)
def test_each_change_of_light_has_its_limits(limits, low, high):
    grey = np.zeros(1, np.float32)
    settings = {"contrast": 0.0, "brightness": 0.0, "gamma": 0.0} | limits
    shares = [(vary_intensity(grey, np.random.default_rng(s), **settings)[0] + 1) / 2 for s in range(300)]
    assert low - 1e-6 <= min(shares) < low + 0.02
    assert high - 0.02 < max(shares) <= high + 1e-6
