import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.distance import cdist

from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DECODERS, TARGETS
from nucleizoo.metrics.objects import score
from nucleizoo.ops.labels import distance
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()


def encode(labels, spacing=(), name="bcd", **settings):
    target = TARGETS.get(name)(**settings)
    return dict(zip(target.names, target.encode(np.asarray(labels, np.int32), spacing), strict=True))


def decode(maps, name="bcd", **settings):
    labels = DECODERS.get(name)(**settings)(maps)
    assert labels.dtype == np.int32 and labels.shape == maps["binary"].shape
    first = [np.flatnonzero(labels == n)[0] for n in range(1, labels.max() + 1)]
    assert first == sorted(first)
    return labels


def ious(truth, found):
    """For every true nucleus, its best intersection over union."""
    best = []
    for number in range(1, truth.max() + 1):
        there = truth == number
        rivals = [found == other for other in set(found[there].tolist()) - {0}]
        best.append(max(((there & r).sum() / (there | r).sum() for r in rivals), default=0))
    return np.array(best)


def blobs(*boxes, size):
    labels = np.zeros(size, np.int32)
    for number, box in enumerate(boxes, start=1):
        labels[box] = number
    return labels


SQUARES = blobs(np.s_[4:24, 3:17], np.s_[4:24, 17:35], size=(28, 40))
"""Two nuclei that touch."""


def test_channels_and_ranges_are_those_of_the_papers():
    for name, wanted in (("bc", ["binary", "contour"]), ("bcd", ["binary", "contour", "distance"])):
        target = TARGETS.get(name)()
        assert list(target.names) == wanted
        assert [c.activation for c in target.channels] == ["sigmoid", "sigmoid", "tanh"][: len(wanted)]
    maps = target.encode(SQUARES)
    assert maps.dtype == np.float32 and maps.shape == (3, 28, 40)
    np.testing.assert_array_equal(maps[0], SQUARES > 0)
    assert set(np.unique(maps[1]).tolist()) == {0, 1}
    np.testing.assert_array_equal(maps[:2], TARGETS.get("bc")().encode(SQUARES))


def test_the_contour_parts_touching_nuclei_and_is_drawn_in_planes_only():
    row = encode(SQUARES)["contour"][12]
    assert np.flatnonzero(row).tolist() == [1, 2, 3, 4, 15, 16, 17, 18, 33, 34, 35, 36]
    assert np.flatnonzero(encode(SQUARES, dilate=0)["contour"][12]).tolist() == [2, 3, 16, 17, 34, 35]
    contour = encode(np.stack([SQUARES * 0, SQUARES, SQUARES]))["contour"]
    assert not contour[0].any()
    np.testing.assert_array_equal(contour[1:], [encode(SQUARES)["contour"]] * 2)


@pytest.mark.parametrize(
    ("size", "spacing"), [((40, 50), ()), ((40, 50), (2.0, 1.0)), ((9, 20, 20), (3.0, 1.0, 1.0))]
)
def test_the_distance_is_the_share_of_the_own_depth_and_minus_one_outside(size, spacing):
    labels = place(np.random.default_rng(0), size, semi_axis=(5, 8), count=(6, 6), spacing=spacing)
    found = encode(labels, spacing, fill_holes=0)["distance"]
    around, voxel = np.pad(labels, 1), np.array(spacing or (1.0,) * labels.ndim)
    assert (found[labels == 0] == -1).all()
    for number in range(1, labels.max() + 1):
        inside, outside = (np.argwhere(part) * voxel for part in (around == number, around != number))
        depth = cdist(inside, outside).min(axis=1)
        np.testing.assert_allclose(found[labels == number], depth / depth.max(), rtol=1e-5)


def test_planes_of_unknown_distance_are_as_far_apart_as_the_ratio_says():
    box = blobs(np.s_[3:8, 4:19, 4:19], size=(11, 23, 23))
    cubes, known = encode(box)["distance"], encode(box, (2.0, 1.0, 1.0))["distance"]
    assert cubes[3, 11, 11] == pytest.approx(1 / 3) and cubes[5, 6, 11] == 1
    assert known[3, 11, 11] == pytest.approx(1 / 3) and known[5, 6, 11] == 0.5
    np.testing.assert_array_equal(encode(box, depth_ratio=2.0)["distance"], known)
    np.testing.assert_array_equal(encode(box, (0.4, 0.4, 0.4), depth_ratio=2.0)["distance"], cubes)
    flat = encode(SQUARES, depth_ratio=2.0)["distance"]
    np.testing.assert_array_equal(flat, encode(SQUARES)["distance"])


def test_the_background_is_minus_one_unless_the_published_training_is_asked_for():
    empty, one = np.zeros((8, 8), np.int32), blobs(np.s_[2:6, 2:6], size=(8, 8))
    assert (encode(empty)["distance"] == -1).all() and encode(one)["distance"].min() == -1
    assert encode(one, background=-0.5)["distance"].min() == -0.5
    assert (encode(empty, legacy_background=True)["distance"] == -1).all()
    legacy = encode(one, legacy_background=True)["distance"]
    assert (legacy[one == 0] == 0).all()
    np.testing.assert_array_equal(legacy[one > 0], encode(one)["distance"][one > 0])


@pytest.mark.parametrize("transform", ["edt", "scipy"])
@pytest.mark.parametrize("shape", [(7, 9), (5, 7, 9)])
def test_a_crop_inside_one_nucleus_is_finite(monkeypatch, shape, transform):
    if transform == "scipy":
        monkeypatch.setattr(distance, "edt", None)
    inside = np.full(shape, 3, np.int32)
    maps = encode(inside)
    assert (maps["binary"] == 1).all() and not maps["contour"].any()
    corner, middle = (0,) * len(shape), tuple(n // 2 for n in shape)
    assert maps["distance"][middle] == 1
    assert maps["distance"][corner] == pytest.approx(2 / (1 + min(shape)))
    assert (encode(inside, border=False)["distance"] == 1).all()


def test_a_nucleus_that_the_border_cuts_is_shallow_there_only_if_asked():
    cut = blobs(np.s_[:, :6], size=(15, 12))
    assert encode(cut)["distance"][7, 0] == pytest.approx(1 / 3)
    assert encode(cut, border=False)["distance"][7, 0] == 1


def test_parts_of_a_torn_nucleus_reach_one_each():
    torn = blobs(np.s_[2:11, 2:11], size=(14, 20))
    torn[2:5, 14:17] = 1
    assert encode(torn)["distance"][3, 15] == 1


def test_a_speck_of_background_in_a_nucleus_does_not_hollow_its_distance():
    whole = blobs(np.s_[2:17, 2:17], size=(19, 19))
    holed = whole.copy()
    holed[9, 8:11] = 0
    np.testing.assert_array_equal(encode(holed)["distance"], encode(whole)["distance"])
    assert encode(holed)["binary"][9, 9] == 0
    assert encode(holed, fill_holes=3)["distance"][9, 9] == -1
    holed[9, 9] = 2
    assert encode(holed)["distance"][9, 8] == -1 and encode(holed)["distance"][9, 9] == 1


def test_any_numbers_give_the_same_maps():
    other = np.where(SQUARES == 1, 2**31 - 1, np.where(SQUARES == 2, 2**31 - 2, 0))
    for name, one in encode(other).items():
        np.testing.assert_array_equal(one, encode(SQUARES)[name])


def test_a_picture_stretches_probabilities_and_leaves_the_distance():
    target = TARGETS.get("bcd")()
    maps = torch.from_numpy(target.encode(SQUARES))[None]
    picture = target.as_image(maps)
    torch.testing.assert_close(picture[:, :2], 2 * maps[:, :2] - 1)
    torch.testing.assert_close(picture[:, 2], maps[:, 2])
    torch.testing.assert_close(target.from_image(picture), maps)


@pytest.mark.parametrize("landscape", ["binary", "distance"])
@pytest.mark.parametrize(
    ("size", "spacing", "semi_axis"),
    [((160, 160), (), (10, 14)), ((32, 80, 80), (), (9, 12)), ((20, 96, 96), (2.0, 0.5, 0.5), (11, 14))],
)
def test_touching_ellipsoids_come_back(size, spacing, semi_axis, landscape):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        truth = place(rng, size, semi_axis=semi_axis, count=(40, 40), spacing=spacing)
        beside = np.minimum(truth[..., 1:], truth[..., :-1]), truth[..., 1:] != truth[..., :-1]
        assert (beside[0] * beside[1]).any()
        found = decode(encode(truth, spacing), landscape=landscape, min_seed=1)
        assert found.max() == truth.max()
        assert ious(truth, found).min() > 0.9
        np.testing.assert_array_equal(found > 0, truth > 0)


def test_touching_nuclei_come_back_from_foreground_and_contour():
    np.testing.assert_array_equal(decode(encode(SQUARES, name="bc"), "bc", min_seed=1), SQUARES)


@pytest.mark.parametrize(
    ("landscape", "small"),
    [("distance", 9), ("binary", 10)],  # a pixel goes to who touches it first; halfway between the seeds
)
def test_nuclei_of_unequal_size_part_in_the_valley_of_the_distance(landscape, small):
    truth = blobs(np.s_[4:28, 3:11], np.s_[4:28, 11:35], size=(32, 40))
    row = decode(encode(truth), landscape=landscape, min_seed=1)[16]
    assert row.tolist() == [0] * 3 + [1] * small + [2] * (32 - small) + [0] * 5


def test_two_blobs_and_one_seed_give_one_nucleus():
    maps = encode(blobs(np.s_[3:15, 3:15], np.s_[3:15, 20:32], size=(18, 40)))
    maps["contour"][:, 18:] = 1
    found = decode(maps, min_seed=1)
    assert found.max() == 1 and not found[:, 18:].any()
    maps["contour"][:] = 1
    assert not decode(maps, min_seed=1).any()


def test_each_map_has_a_say_in_seeds_and_foreground():
    maps = encode(SQUARES)
    everywhere = np.ones_like(maps["binary"])
    for key, value in (("binary", 0.9), ("contour", 0.8), ("distance", 0.5)):
        assert not decode(maps | {key: value * everywhere}, foreground=0.5, min_seed=1).any()
    assert (decode(maps, min_seed=1) > 0).sum() == (SQUARES > 0).sum()
    deep = maps["distance"] > 0.5
    shallow = maps | {"distance": np.where(deep, maps["distance"], np.float32(-0.05))}
    assert (decode(shallow, min_seed=1) > 0).sum() == deep.sum()
    assert (decode(shallow, min_seed=1, foreground_distance=-0.1) > 0).sum() == (SQUARES > 0).sum()
    faint = maps | {"binary": np.float32(0.85) * maps["binary"]}
    assert not decode(faint, seed_binary=0.5, foreground=0.86, min_seed=1).any()
    assert decode(faint, seed_binary=0.5, foreground=0.84, min_seed=1).max() == 2


def test_small_seeds_and_small_nuclei_are_dropped():
    labels = blobs(np.s_[3:15, 3:15], np.s_[3:9, 20:26], size=(18, 30))
    maps = encode(labels)
    seed = int(((labels == 2) & (maps["distance"] > 0.5) & (maps["contour"] < 0.8)).sum())
    for wanted, settings in (
        (2, {"min_seed": seed}),
        (1, {"min_seed": seed + 1}),
        (2, {"min_seed": 1, "min_size": 36}),
        (1, {"min_seed": 1, "min_size": 37}),
        (0, {"min_seed": 1, "min_size": 145}),
    ):
        assert decode(maps, **settings).max() == wanted


def test_connectivity_decides_over_seeds_that_share_a_corner():
    maps = {"binary": np.ones((12, 12), np.float32), "contour": np.ones((12, 12), np.float32)}
    maps["contour"][1:6, 1:6] = maps["contour"][6:11, 6:11] = 0
    assert decode(maps, "bc", min_seed=1).max() == 1
    assert decode(maps, "bc", min_seed=1, connectivity="face").max() == 2


def test_saturated_maps_score_alike_with_either_watershed():
    truth = place(np.random.default_rng(0), (40, 112, 112), semi_axis=(8, 11), count=(90, 90))
    rng, maps = np.random.default_rng(1), {}
    for name, one in encode(truth).items():
        blurred = ndimage.gaussian_filter(one + rng.normal(0, 0.8, one.shape).astype(np.float32), 1)
        maps[name] = (1.5 * blurred).clip(-1 if name == "distance" else 0, 1)
    assert (maps["binary"][truth > 0] == 1).mean() > 0.5
    thresholds = {"foreground": 0.5, "foreground_distance": -0.9, "seed_contour": 0.6, "min_seed": 1}
    found = [decode(maps, watershed=watershed, **thresholds) for watershed in ("frontier", "skimage")]
    assert (found[0] != found[1]).sum() < 0.05 * (found[1] > 0).sum()
    ours, theirs = (score(labels, truth) for labels in found)
    assert 0.5 < ours.f1 < 1
    assert ours.f1 == pytest.approx(theirs.f1, abs=5e-4)


@pytest.mark.parametrize("name", ["bc", "bcd"])
@pytest.mark.parametrize("shape", [(20, 20), (6, 12, 12)])
def test_maps_of_nothing_and_of_one_nucleus_are_defined(name, shape):
    for labels in (np.zeros(shape, np.int32), np.ones(shape, np.int32)):
        np.testing.assert_array_equal(decode(encode(labels, name=name), name, min_seed=1), labels)


@pytest.mark.parametrize(
    ("registry", "name", "settings", "key"),
    [
        (TARGETS, "bc", {"dilate": -1}, "DILATE"),
        (TARGETS, "bcd", {"depth_ratio": 0.0}, "DEPTH_RATIO"),
        (TARGETS, "bcd", {"fill_holes": -1}, "FILL_HOLES"),
        (TARGETS, "bcd", {"background": 0.5}, "BACKGROUND"),
        (DECODERS, "bc", {"seed_binary": 1.0}, "SEED_BINARY"),
        (DECODERS, "bc", {"foreground": -0.1}, "FOREGROUND"),
        (DECODERS, "bc", {"seed_contour": 0.0}, "SEED_CONTOUR"),
        (DECODERS, "bcd", {"min_seed": -1}, "MIN_SEED"),
        (DECODERS, "bcd", {"connectivity": "26"}, "CONNECTIVITY"),
        (DECODERS, "bcd", {"watershed": "mahotas"}, "WATERSHED .*'frontier' or 'skimage'"),
        (DECODERS, "bcd", {"landscape": "contour"}, "LANDSCAPE"),
        (DECODERS, "bcd", {"seed_distance": 1.0}, "SEED_DISTANCE"),
        (DECODERS, "bcd", {"foreground_distance": -2.0}, "FOREGROUND_DISTANCE"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(registry, name, settings, key):
    with pytest.raises(ValueError, match=key):
        registry.get(name)(**settings)
