import numpy as np
from scipy import ndimage

from nucleizoo.ops.synthesis.warping import deform


def disc(size=64, radius=20):
    far = np.hypot(*(line - size / 2 for line in np.ogrid[:size, :size]))
    return (far < radius).astype(np.int32)


def test_nothing_moves_without_amplitude():
    labels = disc()
    np.testing.assert_array_equal(deform(labels, np.random.default_rng(0), amplitude=0, grain=(9, 9)), labels)


def test_the_outline_moves_by_about_the_amplitude_and_the_nucleus_stays_one():
    labels, moved = disc(), []
    for seed in range(40):
        made = deform(labels, np.random.default_rng(seed), amplitude=1.5, grain=(12.0, 12.0))
        parts = np.bincount(ndimage.label(made)[0].ravel())[1:]
        assert parts.max() > 0.99 * parts.sum() and set(np.unique(made)) == {0, 1}
        columns = np.flatnonzero(made[32])
        moved.append(columns[-1] - np.flatnonzero(labels[32])[-1])
    # the right end of the middle row: displaced by a normal number of that standard deviation, to first order
    assert abs(np.mean(moved)) < 0.8 and 1.0 < np.std(moved) < 2.0


def test_volumes_of_several_nuclei_keep_their_numbers():
    labels = np.zeros((12, 40, 40), np.int32)
    labels[2:10, 4:16, 4:16], labels[2:10, 22:36, 22:36] = 3, 8
    made = deform(labels, np.random.default_rng(1), amplitude=1.0, grain=(4.0, 8.0, 8.0))
    assert made.shape == labels.shape and made.dtype == np.int32 and set(np.unique(made)) == {0, 3, 8}
