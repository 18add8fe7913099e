"""Rendered nuclei: what each key does to labels and picture, measured."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import clear_border
from support.naming import names

from nucleizoo.contracts import DataSpec
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DATASETS

load_plugins()
SIZES = {2: (96, 100), 3: (20, 64, 60)}

PLAIN = {
    "spread": (0.0, 0.0), "eccentricity": (0.0, 0.0), "deformation": (0.0, 0.0), "mitotic": (0.0, 0.0),
    "contrast": (1.0, 1.0), "texture": (0.0, 0.0), "spots": 0.0, "rim": 0.0, "glow": 0.0, "blur": (0.0, 0.0),
    "haze": (0.0, 0.0), "ghosts": 0.0, "dead": 0.0, "background": (0.0, 0.0), "uneven": (0.0, 0.0),
    "packed": 0.0, "overlap": 0.0, "stretch": (1.0, 1.0), "debris": 0.0, "relief": 0.0,
    "dark": 0.0, "photons": (1e6, 1e6), "read_noise": (0.0, 0.0), "saturation": (0.0, 0.0),
    "few_bits": 0.0, "stripes": 0.0, "sections": 0.0, "density": (0.2, 0.2), "radius": (8.0, 8.0),
}  # fmt: skip
"""Bright round nuclei of one size on black: every effect is off."""


def rendered(dims=2, **settings):
    return DATASETS.get("randomised")(DataSpec(dims), **PLAIN | settings)


def drawn(dims=2, seed=0, size=None, **settings):
    return rendered(dims, **settings).sample(np.random.default_rng(seed), size or SIZES[dims])


def contrast(sample):
    """Mean of the nuclei less that of the background, in units of the whole range."""
    inside = sample.labels > 0
    return (sample.image[0][inside].mean() - sample.image[0][~inside].mean()) / 2


@pytest.mark.parametrize("dims", [2, 3])
def test_without_any_effect_the_picture_is_the_nuclei(dims):
    for seed in range(5):
        sample = drawn(dims, seed)
        assert contrast(sample) > 0.65
        assert np.array_equal(np.unique(sample.labels), np.arange(sample.labels.max() + 1))


@pytest.mark.parametrize("dims", [2, 3])
def test_every_effect_changes_what_the_microscope_shows_but_not_where_nuclei_are(dims):
    seen = {
        "contrast": (0.1, 0.1), "texture": (0.6, 0.6), "spots": 1.0, "rim": 1.0, "glow": 1.0,
        "blur": (0.25, 0.25), "haze": (0.5, 0.5), "ghosts": 1.0, "dead": 1.0, "background": (0.2, 0.2),
        "uneven": (0.4, 0.4), "debris": 1.0, "relief": 1.0, "dark": 1.0,
        "photons": (15.0, 15.0), "read_noise": (0.08, 0.08),
        "few_bits": 1.0, "stripes": 1.0,
    }  # fmt: skip
    if dims == 3:
        seen |= {"sections": 1.0, "blur_z": (4.0, 4.0), "blur": (0.25, 0.25)}
    plain = drawn(dims, 3)
    for key, value in seen.items():
        changed = drawn(dims, 3, **{key: value})
        np.testing.assert_array_equal(changed.labels, plain.labels, err_msg=key)
        if key != "blur_z":  # which has no effect without a blur
            assert np.abs(changed.image - plain.image).max() > 0.02, key


def test_nuclei_have_the_radius_asked_for():
    for radius in (5.0, 12.0):
        lone = {"size": (300, 300), "radius": (radius, radius), "density": (0.05, 0.05)}
        areas = np.concatenate(
            [np.bincount(drawn(seed=seed, **lone).labels.ravel())[1:] for seed in range(5)]
        )
        assert np.median(areas) == pytest.approx(np.pi * radius**2, rel=0.1)


def test_density_goes_from_lone_to_crowded():
    shares = [
        np.mean([(drawn(seed=s, density=(d, d), touching=1.0).labels > 0).mean() for s in range(6)])
        for d in (0.05, 0.3, 0.8)
    ]
    assert shares[0] < 0.1 < shares[1] < 0.4 < shares[2]


@pytest.mark.parametrize("dims", [2, 3])
def test_without_touching_a_voxel_lies_between_nuclei(dims):
    for seed in range(4):
        labels = drawn(dims, seed, density=(0.6, 0.6), touching=0.0).labels
        grown = ndimage.maximum_filter(labels, footprint=ndimage.generate_binary_structure(dims, 1))
        assert not ((labels > 0) & (grown != labels)).any()


def test_flat_nuclei_are_as_many_times_flatter():
    labels = drawn(
        3, size=(40, 96, 96), flatness=(2.5, 2.5), density=(0.01, 0.01), radius=(12.0, 12.0)
    ).labels
    boxes = [tuple(s.stop - s.start for s in box) for box in ndimage.find_objects(labels)]
    whole = [(z, x) for z, y, x in boxes if 20 < x < 28]
    assert whole and all(x / z == pytest.approx(2.5, abs=0.5) for z, x in whole)


def test_packed_nuclei_leave_few_gaps():
    def share(packed):
        crowded = {"density": (0.8, 0.8), "touching": 1.0, "packed": packed}
        return np.mean([(drawn(seed=s, **crowded).labels > 0).mean() for s in range(9)])

    assert share(0.0) < 0.6 < 0.75 < share(1.0)


def test_a_stretch_makes_nuclei_long_in_one_direction():
    for seed in range(4):
        labels = drawn(seed=seed, size=(200, 200), stretch=(2.0, 2.0), density=(0.1, 0.1)).labels
        angles = []
        for name in np.unique(clear_border(labels))[1:]:
            where = np.argwhere(labels == name)
            if len(where) > 120:
                values, vectors = np.linalg.eigh(np.cov(where.T))
                assert (values[1] / values[0]) ** 0.5 == pytest.approx(2, abs=0.35)
                angles.append(2 * np.arctan2(*vectors[:, 1]))  # of an axis, which has no sign
        assert len(angles) > 5 and np.hypot(np.mean(np.cos(angles)), np.mean(np.sin(angles))) > 0.97


def test_the_light_of_nuclei_that_overlap_adds_up():
    layers = drawn(seed=1, overlap=1.0, density=(0.5, 0.5), texture=(0.0, 0.0))
    plain = drawn(seed=1, density=(0.5, 0.5))
    assert (layers.labels > 0).mean() > 1.2 * (plain.labels > 0).mean()
    assert np.median(layers.image[0][layers.labels > 0]) < 0.9  # one layer is dimmer than two


def test_mitotic_nuclei_are_plates():
    def flattest(share):
        moments = []
        for seed in range(6):
            labels = drawn(seed=seed, mitotic=(share, share), density=(0.1, 0.1), radius=(12.0, 12.0)).labels
            for name, box in enumerate(ndimage.find_objects(labels), 1):
                where = np.argwhere(labels[box] == name)
                if len(where) > 100:
                    values = np.linalg.eigvalsh(np.cov(where.T))
                    moments.append(values[0] / values[1])
        return np.median(moments)

    assert flattest(1.0) < 0.5 < 0.8 < flattest(0.0)


def test_the_brightest_voxels_are_saturated():
    def saturated(share):
        drawings = [drawn(seed=s, texture=(0.3, 0.3), saturation=(share, share)) for s in range(9)]
        return np.mean([(one.image > 0.999).mean() for one in drawings])

    assert saturated(0.0) < 0.005 < 0.01 < saturated(0.02)


def test_few_bits_are_few_grey_levels():
    assert len(np.unique(drawn(few_bits=1.0, photons=(50.0, 50.0)).image)) <= 65


def test_a_bright_dead_cell_leaves_the_others_dim():
    plain, dead = (np.median([contrast(drawn(seed=s, dead=d)) for s in range(9)]) for d in (0.0, 1.0))
    assert dead < 0.8 * plain


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"radius": (0.0, 5.0)}, ("RADIUS", "above 0")),
        ({"radius": (6.0, 5.0)}, ("RADIUS", "[6.0, 5.0]")),
        ({"haze": (-0.1, 0.5)}, ("HAZE", "[low, high]")),
        ({"glow": 1.5}, ("GLOW", "[0, 1]", "1.5")),
        ({"eccentricity": (0.5, 1.0)}, ("ECCENTRICITY", "below 1")),
    ],
)
def test_settings_out_of_range_are_named(settings, parts):
    with pytest.raises(ValueError) as caught:
        rendered(**settings)
    names(str(caught.value), *parts)


def test_more_channels_are_refused():
    with pytest.raises(ValueError) as caught:
        DATASETS.get("randomised")(DataSpec(2, channels=3))
    names(str(caught.value), "DATASET.CHANNELS", "3")
