import heapq

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import watershed

from nucleizoo.ops.labels.watershed import STRANGER, flood


def one_by_one(landscape, seeds, mask):
    """A priority queue of voxels: by the highest level on their way, then by their turn."""
    labels = np.where(mask, seeds, 0).astype(np.int32)
    steps = [s * np.eye(mask.ndim, dtype=int)[a] for a in range(mask.ndim) for s in (-1, 1)]
    steps.sort(key=tuple)
    queue = [(int(landscape[v]), turn, v) for turn, v in enumerate(map(tuple, np.argwhere(labels)))]
    heapq.heapify(queue)
    turn = len(queue)
    while queue:
        level, _, voxel = heapq.heappop(queue)
        for step in steps:
            near = tuple((voxel + step).tolist())
            inside = all(0 <= i < n for i, n in zip(near, mask.shape, strict=True))
            if inside and mask[near] and not labels[near]:
                labels[near], turn = labels[voxel], turn + 1
                heapq.heappush(queue, (max(level, int(landscape[near])), turn, near))
    return labels


def smooth(rng, shape):
    """A soft map of 256 levels."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 2)
    return np.rint(255 * (field - field.min()) / np.ptp(field)).astype(np.uint8)


def scattered(rng, shape, count):
    """Seeds of one voxel, numbered without order."""
    seeds = np.zeros(shape, np.int32)
    seeds.flat[rng.choice(seeds.size, count, replace=False)] = rng.permutation(count) + 5
    return seeds


@pytest.mark.parametrize("levels", [1, 4, 256])
@pytest.mark.parametrize("shape", [(14, 15), (6, 7, 8), (1, 9), (30, 1)])
def test_fronts_give_what_voxels_one_by_one_give(shape, levels):
    rng = np.random.default_rng(levels)
    for _ in range(12):
        landscape = rng.integers(0, levels, shape).astype(np.uint8)
        seeds = np.where(rng.random(shape) < 0.15, rng.integers(1, 9, shape), 0).astype(np.int32)
        mask = rng.random(shape) < 0.8
        found = flood(landscape, seeds, mask)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, one_by_one(landscape, seeds, mask))


@pytest.mark.parametrize("shape", [(60, 70), (20, 24, 28)])
def test_soft_maps_give_the_labels_of_the_library(shape):
    rng = np.random.default_rng(0)
    for _ in range(25):
        landscape, mask = smooth(rng, shape), smooth(rng, shape) < 150
        seeds = scattered(rng, shape, 12) * mask
        np.testing.assert_array_equal(flood(landscape, seeds, mask), watershed(landscape, seeds, mask=mask))


def test_flat_maps_give_the_labelled_voxels_of_the_library():
    rng = np.random.default_rng(1)
    for shape in [(40, 50)] * 15 + [(12, 14, 16)] * 15:
        landscape, mask = rng.integers(0, 3, shape).astype(np.uint8), rng.random(shape) < 0.6
        seeds = ndimage.grey_dilation(scattered(rng, shape, 6), 3).astype(np.int32)
        np.testing.assert_array_equal(
            flood(landscape, seeds, mask) > 0, watershed(landscape, seeds, mask=mask) > 0
        )


def test_a_part_of_the_mask_without_a_seed_stays_empty():
    mask = np.zeros((20, 40), bool)
    mask[5:15, 3:15] = mask[5:15, 25:37] = True
    seeds = np.zeros(mask.shape, np.int32)
    seeds[10, 8] = 3
    found = flood(np.zeros(mask.shape, np.uint8), seeds, mask)
    assert (found[:, :20][mask[:, :20]] == 3).all()
    assert not found[:, 20:].any() and not found[~mask].any()


def test_on_level_ground_the_nearer_seed_wins_and_the_first_one_a_draw():
    seeds = np.zeros((1, 9), np.int32)
    seeds[0, 0], seeds[0, 8] = 7, 4
    assert flood(np.zeros((1, 9), np.uint8), seeds, seeds >= 0).tolist() == [[7] * 5 + [4] * 4]


def test_a_slope_belongs_to_the_seed_at_its_foot():
    seeds = np.array([[1, 0, 0, 0, 0, 2]], np.int32)
    assert flood(np.arange(6, dtype=np.uint8)[None], seeds, seeds >= 0).tolist() == [[1, 1, 1, 1, 1, 2]]


def test_corners_do_not_leak():
    found = flood(np.zeros((2, 2), np.uint8), np.array([[1, 0], [0, 0]], np.int32), np.eye(2, dtype=bool))
    assert found.tolist() == [[1, 0], [0, 0]]


def test_a_float_landscape_is_cut_into_levels_over_its_range_in_the_mask():
    rng = np.random.default_rng(2)
    shape = (40, 50)
    levels, seeds, mask = smooth(rng, shape), scattered(rng, shape, 9), np.ones(shape, bool)
    mask[0] = False
    levels[1, :2] = 0, 255
    wanted = flood(levels, seeds, mask)
    for real in (
        levels / np.float32(255),
        -3 + 1e-3 * levels.astype(np.float64),
        levels.astype(np.int64) - 99,
    ):
        outlier = real.copy()
        outlier[0] = 1000
        np.testing.assert_array_equal(flood(outlier, seeds, mask), wanted)


def test_seeds_outside_of_the_mask_are_ignored_and_inputs_left_alone():
    landscape, mask = np.zeros((3, 4), np.float32), np.zeros((3, 4), bool)
    mask[:, :2] = True
    seeds = np.zeros((3, 4), np.int32)
    seeds[1, 3] = 2
    kept = seeds.copy()
    assert not flood(landscape, seeds, mask).any()
    seeds[0, 0] = kept[0, 0] = 2**31 - 1
    assert set(flood(landscape, seeds, mask)[mask].tolist()) == {2**31 - 1}
    np.testing.assert_array_equal(seeds, kept)


def test_any_memory_layout_floods_alike():
    rng = np.random.default_rng(3)
    landscape, seeds = smooth(rng, (20, 30)), scattered(rng, (20, 30), 9)
    mask = landscape < 200
    turned = flood(np.asfortranarray(landscape), np.asfortranarray(seeds), np.asfortranarray(mask))
    np.testing.assert_array_equal(turned, flood(landscape, seeds, mask))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5), (1, 1)])
def test_nothing_stays_nothing(shape, dtype):
    flat, none = np.zeros(shape, dtype), np.zeros(shape, np.int32)
    for mask in (np.zeros(shape, bool), np.ones(shape, bool)):
        found = flood(flat, none, mask)
        assert found.shape == shape and found.dtype == np.int32 and not found.any()


@pytest.mark.parametrize("levels", [1, 4, 256])
def test_what_strangers_do_not_reach_is_as_in_the_larger_array(levels):
    rng = np.random.default_rng(levels)
    kept = 0
    for _ in range(60):
        shape = (24, 25)
        rough = ndimage.gaussian_filter(rng.random(shape), 1)
        rank = np.argsort(np.argsort(rough, axis=None)).reshape(shape)
        landscape = (rank * levels // rank.size).astype(np.uint8)
        seeds, mask = scattered(rng, shape, 30), rng.random(shape) < 0.9
        whole = flood(landscape, seeds, mask)
        y, x = rng.integers(0, 12, 2)
        part = (slice(y, y + 12), slice(x, x + 13))
        rim = np.ones((12, 13), bool)
        rim[int(y > 0) : 11, int(x > 0) : 12] = False  # the near sides may be the array's own
        found = flood(landscape[part], seeds[part], mask[part], rim)
        certain = found != STRANGER
        kept += (found > 0).sum()
        np.testing.assert_array_equal(found[certain], whole[part][certain])
    assert kept > 60 * 20
