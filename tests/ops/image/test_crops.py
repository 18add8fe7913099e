import numpy as np
import pytest

from nucleizoo.ops.image.crops import crop, random_start, separate


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("start", [-13, -1, 0, 3])
def test_beyond_the_border_an_array_is_numpys_symmetric_padding(n, start):
    line = np.arange(n)
    padded = np.pad(line, 40, mode="symmetric")
    assert np.array_equal(crop(line, (start,), (17,)), padded[40 + start : 57 + start])


def test_axes_in_front_of_the_crop_are_kept():
    image = np.random.default_rng(0).random((3, 4, 50))
    found = crop(image, (-2, 7), (8, 20))
    assert found.shape == (3, 8, 20) and found.flags.c_contiguous
    assert np.array_equal(found[:, 2:6], image[:, :, 7:27])


def test_a_crop_shares_no_memory_with_its_image():
    image = np.zeros((1, 8, 8))
    crop(image, (0, 0), (8, 8))[:] = 1
    assert not image.any()


def test_every_start_is_drawn_and_no_other():
    rng = np.random.default_rng(0)
    starts = {random_start((10, 4, 6), (8, 8, 6), rng) for _ in range(500)}
    assert starts == {(y, x, 0) for y in range(3) for x in range(-4, 1)}
    with pytest.raises(ValueError):
        random_start((10, 4), (8,), rng)


def test_mirrored_copies_become_nuclei_of_their_own():
    labels = np.array([[7, 0, 3, 0]], np.int32)
    found = separate(crop(labels, (0, -4), (1, 8)))
    # mirror:      0  3  0  7 | 7  0  3  0
    assert found.tolist() == [[0, 1, 0, 2, 2, 0, 3, 0]]
    assert found.dtype == np.int32
