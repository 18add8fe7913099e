import numpy as np
import pytest

from nucleizoo.ops.labels.split_touching import peaks, split


def ints(*rows):
    return np.array(rows, np.int32)


def test_peaks_keep_their_distance_in_units_of_the_voxel():
    height = np.zeros((1, 11), np.float32)
    height[0, [2, 5, 9]] = [3, 2, 1]
    objects = np.ones((1, 11), np.int32)
    np.testing.assert_array_equal(
        np.nonzero((peaks(height, objects, 3, (1, 1)) > 0) & (height > 0))[1], [2, 9]
    )
    np.testing.assert_array_equal(
        np.nonzero((peaks(height, objects, 3, (1, 2)) > 0) & (height > 0))[1], [2, 5, 9]
    )


def test_peaks_of_different_objects_ignore_each_other():
    objects = ints([1, 1, 0, 2, 2])
    assert peaks((objects > 0).astype(np.float32), objects, 9, (1, 1)).tolist() == [[1, 1, 0, 2, 2]]


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4)])
def test_nothing_has_no_peak_and_no_waist(shape):
    empty = np.zeros(shape, np.int32)
    assert not peaks(empty.astype(np.float32), empty, 1, (1.0,) * len(shape)).any()
    assert not split(empty, 5.0).any()
