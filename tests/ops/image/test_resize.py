import numpy as np
import pytest
from skimage import transform

from nucleizoo.ops.image.resize import Resizing, linear, nearest


@pytest.mark.parametrize("shape", [(20, 40), (7, 40), (33, 90), (1, 1)])
def test_a_flat_picture_stays_flat(shape):
    found = linear(np.full((20, 40), 0.3, np.float32), shape)
    assert found.shape == shape and found.dtype == np.float32
    assert np.allclose(found, 0.3)


def test_a_ramp_stays_a_ramp_over_the_same_field_of_view():
    ramp = np.tile((np.arange(40, dtype=np.float32) + 0.5) / 40, (10, 1))
    for width in (20, 60, 80):
        middle = slice(4, -4)  # away from the border
        wanted = (np.arange(width) + 0.5) / width
        assert np.allclose(linear(ramp, (10, width))[:, middle], wanted[middle], atol=2e-3)


def test_texture_averages_out_when_it_shrinks():
    checks = np.indices((64, 64)).sum(0).astype(np.float32) % 2
    small = linear(checks, (16, 16))
    assert abs(small.mean() - 0.5) < 0.01 and small.std() < 0.05


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_enlarged_labels_come_back_exactly(factor):
    labels = np.random.default_rng(0).integers(0, 2**31 - 1, (7, 9, 5)).astype(np.int32)
    large = nearest(labels, tuple(n * factor for n in labels.shape))
    assert np.array_equal(large, np.kron(labels, np.ones((factor,) * 3, np.int32)))
    assert np.array_equal(nearest(large, labels.shape), labels)


@pytest.mark.parametrize("blur", [True, False])
def test_values_are_those_of_scikit_image(blur):
    rng = np.random.default_rng(0)
    for _ in range(30):
        old, new = (tuple(rng.integers(1, most, 3).tolist()) for most in (20, 30))
        picture = rng.random(old, np.float32)
        wanted = transform.resize(picture, new, order=1, mode="edge", anti_aliasing=blur, preserve_range=True)
        np.testing.assert_allclose(linear(picture, new, blur=blur), wanted, rtol=0, atol=1e-6)


def test_a_part_is_that_part_of_the_whole():
    rng = np.random.default_rng(0)
    for _ in range(60):
        old, new = (tuple(rng.integers(1, most, 3).tolist()) for most in (40, 60))
        picture, labels = rng.random(old, np.float32), rng.integers(0, 99, old)
        starts = rng.integers(0, new)
        box = tuple(slice(int(a), int(rng.integers(a + 1, n + 1))) for a, n in zip(starts, new, strict=True))
        resizing = Resizing(old, new)
        made_of = resizing.made_of(box)
        part = resizing.linear(picture[made_of], box)
        np.testing.assert_array_equal(part, linear(picture, new)[box])
        assert part.dtype == np.float32
        np.testing.assert_array_equal(resizing.nearest(labels[made_of], box), nearest(labels, new)[box])
