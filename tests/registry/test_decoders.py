import numpy as np
import pytest
from scipy import ndimage

from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DECODERS, TARGETS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels import components
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()


def decode(name, map_, spacing=(), **settings):
    decoder = DECODERS.get(name)(**settings)
    (channel,) = decoder.reads
    labels = decoder({channel: np.asarray(map_, np.float32)}, Voxels(np.ndim(map_), spacing))
    assert labels.dtype == np.int32 and labels.shape == map_.shape
    first = [np.flatnonzero(labels == n)[0] for n in range(1, labels.max() + 1)]
    assert first == sorted(first)
    return labels


def overlaps(truth, found):
    """For every true nucleus, its best IoU."""
    best = []
    for number in np.unique(truth[truth > 0]):
        there = truth == number
        rivals = np.unique(found[there & (found > 0)])
        best.append(
            max(((there & (found == r)).sum() / (there | (found == r)).sum() for r in rivals), default=0)
        )
    return np.array(best)


def discs(*centres, radius=10, size=(50, 80)):
    y, x = np.mgrid[: size[0], : size[1]]
    return np.any([np.hypot(y - cy, x - cx) <= radius for cy, cx in centres], axis=0).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "spacing", "semi_axis"),
    [((256, 256), (), (10, 13)), ((256, 256), (), (13, 18)), ((24, 96, 96), (1.0, 0.5, 0.5), (10, 15))],
)
def test_every_synthetic_nucleus_survives_encoding_and_decoding(size, spacing, semi_axis):
    for seed in range(3):
        truth = place(np.random.default_rng(seed), size, semi_axis=semi_axis, count=(40, 40), spacing=spacing)
        found = decode("ternary", TARGETS.get("ternary")().encode(truth, spacing)[0], spacing, min_seed=1)
        assert found.max() == truth.max()
        assert overlaps(truth, found).min() > 0.8
        np.testing.assert_array_equal(found > 0, truth > 0)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("components", {"min_size": 0}), ("ternary", {"min_size": 0, "keep_coreless": False}),
        ("ternary", {"min_seed": 0, "keep_coreless": False}),
    ],
)  # fmt: skip
def test_sizes_are_those_that_the_network_sees(name, settings):
    seen = discs((12, 15), radius=4) + discs((30, 50), radius=9)
    sizes = np.sort(np.bincount(ndimage.label(seen)[0].ravel())[1:])
    file = np.kron(seen, np.ones((3, 2), np.float32))  # three times as many rows and twice as many columns
    key, voxels = next(iter(settings)), Voxels(2, magnification=(1 / 3, 1 / 2))
    for least, kept in ((sizes[0], 2), (sizes[0] + 1, 1), (sizes[1], 1), (sizes[1] + 1, 0)):
        decoder = DECODERS.get(name)(**settings | {key: int(least)})
        assert decoder({next(iter(decoder.reads)): file}, voxels).max() == kept, (least, sizes)


def test_lengths_are_those_that_the_network_sees():
    map_ = np.random.default_rng(0).random((60, 80)).astype(np.float32)
    rules = DECODERS.get("components")(smooth=2.0).rules(Voxels(2, magnification=(0.5, 0.25)))
    expected = ndimage.gaussian_filter(map_, (4.0, 8.0)) > 0.5
    np.testing.assert_array_equal(rules.foreground({"mask": map_}), expected)


def test_touching_nuclei_part_where_they_touch():
    truth = np.zeros((30, 40), np.int32)
    truth[5:25, 4:20], truth[5:25, 20:36] = 1, 2
    np.testing.assert_array_equal(decode("ternary", TARGETS.get("ternary")().encode(truth)[0]), truth)


def test_ternary_decoding_bears_noise_and_blur():
    rng = np.random.default_rng(0)
    truth = place(rng, (256, 256), semi_axis=(13, 18), count=(30, 30), gap=1)
    map_ = ndimage.gaussian_filter(TARGETS.get("ternary")().encode(truth)[0], 1)
    map_ = np.clip(map_ + rng.normal(0, 0.08, map_.shape), 0, 1)
    found = decode("ternary", ndimage.gaussian_filter(map_, 1), min_seed=20, min_size=30)
    sizes = np.bincount(truth.ravel())[1:]
    assert (overlaps(truth, found)[sizes > 200] > 0.75).mean() > 0.9


@pytest.mark.parametrize("name", ["components", "ternary"])
def test_either_watershed_finds_the_same_nuclei(name):
    truth = place(np.random.default_rng(0), (128, 128), semi_axis=(9, 12), count=(30, 30))
    settings = {"split": 8.0} if name == "components" else {}
    map_ = TARGETS.get("mask" if name == "components" else name)().encode(truth)[0]
    ours, theirs = (decode(name, map_, watershed=w, **settings) for w in ("frontier", "skimage"))
    assert overlaps(theirs, ours).min() > 0.95
    np.testing.assert_array_equal(ours > 0, theirs > 0)


@pytest.mark.parametrize(
    ("name", "channels", "settings"),
    [
        ("components", {"mask"}, {"split": 5.0}),
        ("ternary", {"ternary"}, {}),
        ("bc", {"binary", "contour"}, {}),
        ("bcd", {"binary", "contour", "distance"}, {}),
    ],
)
def test_a_decoder_floods_with_the_watershed_asked_for(monkeypatch, name, channels, settings):
    def refuse(*_):
        raise AssertionError("frontier")

    monkeypatch.setattr(components, "flood", refuse)
    maps = {channel: discs((20, 20)) for channel in channels}
    maps["contour"] = 1 - discs((20, 20))
    assert DECODERS.get(name)(watershed="skimage", **settings)(maps).max() == 1
    with pytest.raises(AssertionError, match="frontier"):
        DECODERS.get(name)(**settings)(maps)


def test_a_nucleus_without_core_is_kept_only_if_asked():
    map_ = 0.5 * discs((20, 20))
    assert decode("ternary", map_).max() == 1
    assert decode("ternary", map_, keep_coreless=False).max() == 0
    assert decode("ternary", map_, min_size=400).max() == 0


def test_specks_of_core_split_nothing():
    map_ = 0.5 * discs((20, 20), radius=12)
    map_[18:23, 12:17] = 1
    map_[20, 28] = 1
    assert decode("ternary", map_, min_seed=4).max() == 1
    assert decode("ternary", map_, min_seed=1).max() == 2


def test_holes_are_filled_only_if_asked():
    map_ = discs((20, 20))
    map_[19:22, 19:22] = 0
    for name in ("components", "ternary"):
        filled = decode(name, map_)
        assert filled[20, 20] == 1
        assert decode(name, map_, fill_holes=False)[20, 20] == 0


def test_components_threshold_smooth_and_drop():
    map_ = 0.4 * discs((20, 20))
    map_[40, 70] = 1
    assert decode("components", map_).max() == 1
    assert decode("components", map_, foreground=0.25).max() == 2
    assert decode("components", map_, foreground=0.25, min_size=2).max() == 1
    assert decode("components", map_, foreground=0.25, smooth=1.5).max() == 1


def test_connectivity_decides_over_a_shared_corner():
    map_ = np.zeros((6, 6))
    map_[:3, :3] = map_[3:, 3:] = 1
    assert decode("components", map_).max() == 2
    assert decode("components", map_, connectivity="full").max() == 1


def test_split_cuts_two_discs_at_their_waist():
    map_ = discs((20, 20), (20, 37))
    assert decode("components", map_).max() == 1
    labels = decode("components", map_, split=8.0)
    assert labels.max() == 2
    assert abs(int((labels == 1).sum()) - int((labels == 2).sum())) < 30
    assert labels[20, 15] != labels[20, 42]
    np.testing.assert_array_equal(labels > 0, map_ > 0)
    assert decode("components", discs((20, 20)), split=8.0).max() == 1


def test_split_measures_coarse_slices_by_their_depth():
    z, y, x = np.mgrid[-8:9, -25:26, -25:26]
    two = np.minimum(np.hypot(np.hypot(4 * (z - 3), y), x), np.hypot(np.hypot(4 * (z + 3), y), x)) <= 14
    assert decode("components", two, (4.0, 1.0, 1.0), split=10.0).max() == 2
    assert decode("components", two, (4.0, 1.0, 1.0), split=40.0).max() == 1


@pytest.mark.parametrize("name", ["components", "ternary"])
@pytest.mark.parametrize("shape", [(20, 20), (6, 12, 12)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_and_full_maps_are_defined(name, shape, value):
    assert decode(name, np.full(shape, value)).max() == value
    if name == "components":
        assert decode(name, np.full(shape, value), split=5.0).max() == value


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("components", {"foreground": 1.0}, "FOREGROUND"),
        ("components", {"split": -1.0}, "SPLIT"),
        ("components", {"connectivity": "8"}, "CONNECTIVITY"),
        ("components", {"watershed": "mahotas"}, "WATERSHED .*'frontier' or 'skimage'"),
        ("ternary", {"watershed": ""}, "WATERSHED .*'frontier' or 'skimage'"),
        ("ternary", {"core": 0.1}, "CORE"),
        ("ternary", {"min_seed": -1}, "MIN_SEED"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, settings, key):
    with pytest.raises(ValueError, match=key):
        DECODERS.get(name)(**settings)
