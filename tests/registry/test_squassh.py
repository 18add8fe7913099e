"""Regions of two intensities behind a blur, on pictures whose answer is known."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import filters
from support.naming import names

from nucleizoo import Task
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import METHODS, TARGETS

load_plugins()


def squassh(dims=2, **settings):
    return METHODS.get("squassh")(Task(1, 1, dims, TARGETS.recipe("mask")()), **settings)


def mask_of(picture, **settings):
    """The map of a picture (*S) in [0, 1]."""
    return squassh(picture.ndim, **settings)(torch.from_numpy(picture[None, None] * 2 - 1).float())[
        0, 0
    ].numpy()


def ball(size, radius):
    return sum((p - n // 2) ** 2 for p, n in zip(np.indices(size), size, strict=True)) < radius**2


def energy(mask, picture, psf, weight):
    """What is minimised, of a picture of intensities 0 and 1, written out."""
    steps = [np.diff(mask, axis=a, append=np.take(mask, [-1], a)) for a in range(mask.ndim)]
    return ((ndimage.gaussian_filter(mask, psf) - picture) ** 2).sum() / 2 + weight * np.sqrt(
        sum(s**2 for s in steps)
    ).sum()


@pytest.mark.parametrize("size", [(40, 48), (20, 24, 28)])
def test_what_the_microscope_blurred_has_its_true_size_again(size):
    """A ball hardly larger than the blur, of which half of the brightest voxel shows too much."""
    nucleus = ball(size, 6)
    picture = 0.1 + 0.8 * ndimage.gaussian_filter(nucleus.astype(float), 2)
    found = mask_of(picture, psf=(2.0,), regularisation=0.02, steps=100) > 0.5
    missed = {
        "squassh": (found != nucleus).sum(),
        "otsu": ((picture > filters.threshold_otsu(picture)) != nucleus).sum(),
    }
    assert missed["squassh"] < 0.1 * nucleus.sum() and missed["squassh"] < missed["otsu"] / 3


def test_the_map_is_the_minimum():
    """Of all small changes none has less energy, whichever picture it is."""
    rng = np.random.default_rng(0)
    picture = ndimage.gaussian_filter(ball((30, 30), 8).astype(float), 1) + rng.normal(0, 0.1, (30, 30))
    mask = squassh(regularisation=0.05, steps=400)._minimised(np.full_like(picture, 0.5), picture)
    least = energy(mask, picture, 1, 0.05)
    for _ in range(100):
        change = ndimage.gaussian_filter(rng.normal(0, 0.1, mask.shape), rng.choice([0, 1, 4]))
        assert energy(np.clip(mask + change, 0, 1), picture, 1, 0.05) > least - 1e-3
    other = squassh(regularisation=0.05, steps=400)._minimised(rng.random(mask.shape), picture)
    assert energy(other, picture, 1, 0.05) == pytest.approx(least, rel=1e-3)


def test_noise_is_no_nucleus_where_outlines_cost():
    rng = np.random.default_rng(0)
    nucleus = ball((60, 60), 12)
    picture = np.clip(0.3 + 0.3 * nucleus + rng.normal(0, 0.1, nucleus.shape), 0, 1)
    parts = {
        weight: ndimage.label(mask_of(picture, regularisation=weight) > 0.5)[1] for weight in (0.001, 0.3)
    }
    assert parts[0.3] == 1 < 20 < parts[0.001]


def test_the_ground_is_subtracted():
    """On a slope steeper than the nuclei are high."""
    nuclei = np.tile(ball((50, 50), 8), (1, 4))
    picture = 0.2 * nuclei + np.linspace(0, 0.7, 200)
    rolled, plain = (mask_of(picture, background=radius) > 0.5 for radius in (20, 0))
    assert (rolled != nuclei).sum() < 0.1 * nuclei.sum() < (plain != nuclei).sum()


def test_a_picture_of_one_value_has_no_nucleus():
    assert not mask_of(np.full((20, 20), 0.4)).any()


@pytest.mark.parametrize(("settings", "said"), [
    ({"regularisation": 0.0}, ("REGULARISATION", "0.0")), ({"psf": (1.0, 1.0, 1.0)}, ("PSF", "2")),
    ({"steps": 0}, ("STEPS", "0")),
])  # fmt: skip
def test_settings_out_of_range_are_named(settings, said):
    with pytest.raises(ValueError) as caught:
        squassh(**settings)
    names(str(caught.value), *said)
