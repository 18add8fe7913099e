"""The decoder of peaks, on distances that are known."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import h_maxima
from support.naming import names

from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DECODERS, TARGETS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()


def decoder(**settings):
    return DECODERS.get("peaks")(**settings)


def maps_of(labels, **settings):
    target = TARGETS.get("bcd")(border=False, **settings)
    return dict(zip(target.names, target.encode(labels), strict=True))


@pytest.mark.parametrize("size", [(160, 180), (24, 70, 70)])
def test_every_nucleus_is_found_again(size):
    for seed in range(3):
        labels = place(np.random.default_rng(seed), size, semi_axis=(6, 10), count=(60, 60), gap=0)
        found = decoder(smooth=0.5)(maps_of(labels))
        whole = np.unique(labels)[1:]
        sizes = np.bincount(labels.ravel())[whole]
        hit = [np.bincount(found[labels == n]).argmax() for n in whole[sizes > 0.3 * np.median(sizes)]]
        assert 0 not in hit and len(set(hit)) == len(hit)
        np.testing.assert_array_equal((found > 0)[labels == 0], False)


def test_noise_does_not_shatter_a_large_nucleus_as_a_threshold_does():
    far = np.hypot(*(line - 30 for line in np.ogrid[:61, :61]))
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.standard_normal(far.shape), 1.5)
    distance = np.clip(0.7 - (far / 24) ** 4, -1, 1) + 0.12 * noise / noise.std()
    maps = {"binary": (far < 24).astype(np.float32), "contour": np.zeros_like(far, np.float32),
            "distance": distance.astype(np.float32)}  # fmt: skip
    threshold = DECODERS.get("bcd")(
        seed_distance=0.7, seed_binary=0.5, foreground=0.5, foreground_distance=-1, min_seed=1
    )
    assert threshold(maps).max() > 3 and decoder(radius=16, height=0.3, smooth=2.0)(maps).max() == 1


@pytest.mark.parametrize("height", [0.05, 0.3])
def test_peaks_that_are_near_count_if_they_are_about_as_high(height):
    """Two cones whose peaks differ by 0.2, with a valley of 0.3 below the lower one between them."""
    x = np.arange(40.0)
    cones = np.maximum(0.9 - np.abs(x - 12) * 0.1, 0.7 - np.abs(x - 21) * 0.1)
    distance = np.tile(np.clip(cones, -1, 1), (9, 1)).astype(np.float32)
    maps = {"binary": (distance > -1).astype(np.float32), "distance": distance}
    found = decoder(smooth=0.0, radius=10, height=height, least=-1)(maps)
    assert len(np.unique(found[4, [12, 21]])) == (2 if height > 0.2 else 1)
    assert decoder(smooth=0.0, radius=6, height=height)(maps).max() == 2  # each is alone within 6 pixels


def test_where_peaks_are_far_apart_seeds_are_the_h_maxima():
    law = {"semi_axis": (10, 12), "eccentricity": (0, 0.3), "count": (9, 9), "gap": 8}
    maps = maps_of(place(np.random.default_rng(4), (200, 200), **law))
    distance = ndimage.gaussian_filter(maps["distance"], 1.0)
    maximal = h_maxima(distance, 0.2) & (distance > 0.2)
    seeds = decoder(smooth=1.0, radius=10, height=0.2, least=0.2).rules(Voxels(2)).seeds.where(maps)
    (numbered, count), square = ndimage.label(seeds, np.ones((3, 3))), np.ones((3, 3))
    assert count == ndimage.label(maximal, square)[1] == 9
    assert set(np.unique(numbered[maximal > 0])) == set(range(1, 10))


def test_lengths_follow_the_magnification():
    rules = decoder(smooth=1.0, radius=4, min_size=10).rules(Voxels(3, magnification=(1.0, 0.5, 0.5)))
    assert rules.min_size == 40 and rules.reach == (4 + 4, 8 + 8, 8 + 8)


@pytest.mark.parametrize(
    ("key", "value"),
    [("foreground", 1.0), ("smooth", -1.0), ("radius", 0.0), ("height", -0.1), ("least", 1.0)],
)
def test_settings_out_of_range_are_named(key, value):
    with pytest.raises(ValueError) as caught:
        decoder(**{key: value})
    names(str(caught.value), key.upper(), value)
