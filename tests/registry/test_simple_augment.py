import numpy as np
import pytest

from nucleizoo.contracts import Sample
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import AUGMENTS

load_plugins()


def simple(**settings):
    return AUGMENTS.get("simple")(**settings)


def disc(size, radius=9):
    """A round nucleus in the middle, so that rotations and flips change nothing."""
    grid = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in size], indexing="ij")
    inside = np.sqrt(sum(axis**2 for axis in grid)) <= radius
    image = (2.0 * inside - 1).astype(np.float32)[None]
    return Sample(image=image, labels=(7 * inside).astype(np.int32), clean=image.copy())


@pytest.mark.parametrize("size", [(32, 40), (16, 32, 32)])
def test_a_ball_is_the_same_after_any_variation(size):
    augment = simple(rotate=1.0)
    rng = np.random.default_rng(0)
    reach = augment.reach(size)
    for _ in range(5):
        varied = augment(disc(reach, 6), rng, size)
        expected = disc(size, 6)
        assert varied.image.shape == (1, *size) and varied.image.dtype == np.float32
        assert varied.labels.dtype == np.int32
        assert set(np.unique(varied.labels)) == {0, 7}
        assert (varied.labels == expected.labels).mean() > 0.98
        np.testing.assert_array_equal(varied.image, varied.clean)
        assert np.abs(varied.image - expected.image).mean() < 0.1


def test_image_and_labels_move_together():
    augment = simple(rotate=1.0, scale=(0.8, 1.25))
    rng = np.random.default_rng(0)
    for _ in range(10):
        y, x = np.mgrid[:70, :70]
        labels = ((x > 30) & (y > 40) & (x + y < 100)).astype(np.int32)
        varied = augment(Sample(image=labels.astype(np.float32)[None], labels=labels), rng, (40, 40))
        assert ((varied.image[0] > 0.5) == (varied.labels > 0)).mean() > 0.99


def test_no_corner_shows_what_lies_outside():
    augment = simple(rotate=1.0, angle=30.0, scale=(0.9, 1.1))
    rng = np.random.default_rng(0)
    reach = augment.reach((33, 48))
    ramp = np.arange(reach[1], dtype=np.float32)[None, None].repeat(reach[0], 1)
    for _ in range(20):
        slopes = np.diff(augment(Sample(image=ramp), rng, (33, 48)).image[0], axis=1)
        assert np.ptp(slopes) < 1e-3  # a fold at a border would change the slope


def test_flips_take_every_axis_and_their_probability():
    augment = simple(rotate=0.0, flip=0.5)
    rng = np.random.default_rng(0)
    image = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    seen = {augment(Sample(image=image), rng, (2, 2, 2)).image.tobytes() for _ in range(200)}
    assert len(seen) == 8
    same = simple(rotate=0.0, flip=0.0)
    assert same.reach((2, 2, 2)) == (2, 2, 2)
    np.testing.assert_array_equal(same(Sample(image=image), rng, (2, 2, 2)).image, image)


def test_masks_without_image_are_only_cut():
    labels = np.arange(64, dtype=np.int32).reshape(8, 8)
    sample = simple(rotate=1.0)(Sample(labels=labels, spacing=(1.0, 1.0)), np.random.default_rng(0), (4, 4))
    np.testing.assert_array_equal(sample.labels, labels[2:6, 2:6])
    assert sample.spacing == (1.0, 1.0)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"rotate": 1.5}, "ROTATE"),
        ({"flip": -0.1}, "FLIP"),
        ({"angle": 91.0}, "ANGLE"),
        ({"scale": (0.0, 1.0)}, "SCALE"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings, key):
    with pytest.raises(ValueError, match=key):
        simple(**settings)
