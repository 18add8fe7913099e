import numpy as np
import pytest

from nucleizoo.core.errors import SynthesisError
from nucleizoo.ops.synthesis import ellipsoids
from nucleizoo.ops.synthesis.ellipsoids import place


def rng(seed=0):
    return np.random.default_rng(seed)


def away_from_the_border(labels):
    """Numbers of the nuclei that the border does not cut."""
    inner = labels[tuple(slice(1, -1) for _ in labels.shape)]
    rim = labels.copy()
    rim[tuple(slice(1, -1) for _ in labels.shape)] = 0
    return set(np.unique(inner)) - set(np.unique(rim)) - {0}


def test_area_is_pi_a_b():
    for seed in range(5):
        labels = place(rng(seed), (400, 400), semi_axis=(40, 40), eccentricity=(0.6, 0.6), count=(3, 3))
        for number in away_from_the_border(labels):
            assert np.sum(labels == number) == pytest.approx(np.pi * 40 * 32, rel=0.02)


def test_volume_is_four_thirds_pi_a_b_c():
    labels = place(rng(1), (90, 90, 90), semi_axis=(15, 15), eccentricity=(0.6, 0.6), count=(6, 6))
    inside = away_from_the_border(labels)
    assert inside
    for number in inside:
        assert np.sum(labels == number) == pytest.approx(4 / 3 * np.pi * 15 * 12 * 12, rel=0.03)


def test_coarse_slices_flatten_a_ball():
    labels = place(
        rng(3),
        (40, 90, 90),
        semi_axis=(12.5, 12.5),
        eccentricity=(0, 0),
        count=(8, 8),
        spacing=(2.0, 0.5, 0.5),
    )
    for number in away_from_the_border(labels):
        z, y, x = (np.ptp(axis) + 1 for axis in np.nonzero(labels == number))
        assert (z, y, x) == (7, 25, 25)


def test_orientation_is_uniform():
    angles = []
    for seed in range(300):
        labels = place(rng(seed), (61, 61), semi_axis=(20, 20), eccentricity=(0.7, 0.7), count=(1, 1))
        if away_from_the_border(labels):
            y, x = np.nonzero(labels)
            _, vectors = np.linalg.eigh(np.cov(y, x))
            angles.append(2 * np.arctan2(vectors[0, 1], vectors[1, 1]))
    assert len(angles) > 20
    assert abs(np.mean(np.exp(1j * np.array(angles)))) < 3 / np.sqrt(len(angles))


@pytest.mark.parametrize("size", [(128, 128), (24, 48, 48)])
def test_the_early_rejection_changes_no_result(monkeypatch, size):
    settings = dict(semi_axis=(5, 9), count=(60, 60), gap=0)
    for seed in range(4):
        quick = place(rng(seed), size, **settings)
        with monkeypatch.context() as patch:
            patch.setattr(
                ellipsoids,
                "_surely_overlap",
                lambda a, b, voxel: np.zeros((len(a.radius), len(b.radius)), bool),
            )
            np.testing.assert_array_equal(place(rng(seed), size, **settings), quick)


def test_no_nucleus_loses_voxels_to_a_later_one():
    alone = place(rng(5), (256, 256), semi_axis=(10, 13), count=(1, 1))
    together = place(rng(5), (256, 256), semi_axis=(10, 13), count=(40, 40))
    first = together == 1
    np.testing.assert_array_equal(first, alone == 1)
    assert together.max() > 30
    assert np.unique(together).tolist() == list(range(together.max() + 1))
    assert together.dtype == np.int32


@pytest.mark.parametrize("size", [(100, 100), (20, 40, 40)])
@pytest.mark.parametrize("gap", [1, 3])
def test_gap_keeps_nuclei_apart_in_every_direction(size, gap):
    labels = place(rng(2), size, semi_axis=(4, 8), count=(90, 90), gap=gap)
    points = [np.argwhere(labels == n) for n in range(1, labels.max() + 1)]
    assert len(points) > 5
    for i, some in enumerate(points):
        for other in points[:i]:
            steps = np.abs(some[:, None] - other[None]).max(axis=-1).min()
            assert steps > gap


def test_a_full_patch_ends_before_the_count():
    labels = place(rng(), (64, 64), semi_axis=(10, 12), count=(500, 500))
    assert 4 < labels.max() < 30


def test_a_crop_is_the_patch_cut():
    for seed in range(5):
        whole = place(rng(seed), (60, 90), semi_axis=(5, 9), count=(20, 20), gap=1)
        crop = np.s_[10:42, 30:77]
        labels = place(rng(seed), (60, 90), semi_axis=(5, 9), count=(20, 20), gap=1, crop=crop)
        there, renumbered = np.unique(whole[crop], return_inverse=True)
        assert there[0] == 0 and len(there) < 20
        np.testing.assert_array_equal(labels, renumbered.reshape(labels.shape))


def test_same_seed_same_nuclei():
    one, two = (place(rng(9), (64, 64), semi_axis=(4, 6), count=(5, 9)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_even_a_small_count_gives_one_nucleus():
    assert place(rng(), (64, 64), semi_axis=(4, 6), count=(0.1, 0.2)).max() == 1


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"semi_axis": (8, 5)}, "SEMI_AXIS"),
        ({"semi_axis": (-1, 5)}, "SEMI_AXIS"),
        ({"semi_axis": (5,)}, "SEMI_AXIS"),
        ({"semi_axis": (5, float("nan"))}, "SEMI_AXIS"),
        ({"eccentricity": (0.2, 1.0)}, "ECCENTRICITY"),
        ({"count": (4, 2)}, "COUNT"),
        ({"gap": -1}, "GAP"),
    ],
)
def test_what_is_no_range_is_refused_by_name(changed, key):
    with pytest.raises(ValueError, match=key):
        place(rng(), (64, 64), **{"semi_axis": (5, 8), "count": (2, 4), **changed})


@pytest.mark.parametrize("changed", [{"count": (0, 0)}, {"semi_axis": (0.1, 0.4)}, {"semi_axis": (200, 300)}])
def test_impossible_nuclei_name_the_keys_to_change(changed):
    with pytest.raises(SynthesisError, match=r"COUNT|SEMI_AXIS"):
        place(rng(), (64, 64), **{"semi_axis": (5, 8), "count": (2, 4), **changed})
