import tracemalloc

import numpy as np
import pytest

from nucleizoo.ops.labels.overlay import COLOURS, colours_apart, marks, outline
from nucleizoo.ops.synthesis.ellipsoids import place


def test_a_picture_is_enlarged_and_every_nucleus_outlined():
    rng = np.random.default_rng(0)
    labels = place(rng, (100, 120), semi_axis=(9, 12), count=(12, 12))
    picture = outline(rng.random((100, 120)), labels)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    times = picture.shape[0] // 100
    assert picture.shape == (100 * times, 120 * times, 3) and times >= 2
    coloured = (picture.max(axis=2) - picture.min(axis=2)) > 60
    big = labels.repeat(times, 0).repeat(times, 1)
    assert not coloured[big == 0].any()
    for number in range(1, labels.max() + 1):
        assert coloured[big == number].any()


def test_numbers_fit_into_their_nuclei():
    labels = np.zeros((200, 200), np.int32)
    y, x = np.mgrid[:200, :200]
    labels[np.hypot(y - 100, x - 100) < 30] = 128
    plain = np.full((200, 200), 0.5)
    plain[0, 0], plain[0, 1] = 0, 1
    picture = outline(plain, labels)
    times = picture.shape[0] // 200
    inner = np.hypot(y - 100, x - 100).repeat(times, 0).repeat(times, 1) < 27
    white = (picture > 250).all(axis=2)
    assert white[inner].sum() > 50
    assert white[inner].mean() < 0.1


def test_near_nuclei_have_differentcolours_apart():
    middles = np.random.default_rng(0).random((200, 2)) * 300
    colours = colours_apart(middles)
    apart = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1)) + 1e9 * np.eye(200)
    nearest = apart.argmin(axis=1)
    assert (colours != colours[nearest]).any(axis=1).mean() > 0.98
    assert len(colours_apart(np.zeros((0, 2)))) == 0
    assert colours_apart(np.zeros((1, 2))).tolist() == [COLOURS[0].tolist()]


@pytest.mark.parametrize("shape", [(30, 40), (5, 30, 40)])
def test_nothing_and_flat_images_are_drawn(shape):
    for value in (0, 4):
        picture = outline(np.zeros(shape, np.float32), np.full(shape, value, np.int32))
        assert picture.dtype == np.uint8 and picture.shape[2] == 3


def test_volumes_show_the_first_nucleus_from_above():
    labels = np.zeros((6, 60, 60), np.int32)
    labels[1, 10:30, 10:30], labels[4, 20:50, 20:50] = 1, 2
    assert outline(np.random.default_rng(0).random(labels.shape), labels).shape[0] % 60 == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="image"):
        outline(np.zeros((4, 4)), np.zeros((4, 5), np.int32))


def test_marks_of_large_numbers_are_those_of_small_ones():
    small = np.zeros((2, 30, 30), np.int32)
    small[0, 2:10, 2:10], small[1, 15:25, 15:25] = 1, 2
    large = np.where(small == 2, 2**27, small * 1000).astype(np.int32)
    drawn = marks(np.zeros(small.shape), {"matched": (small, (0, 158, 115))})
    tracemalloc.start()
    again = marks(np.zeros(small.shape), {"matched": (large, (0, 158, 115))})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(again, drawn)
    assert peak < 50e6
