import numpy as np
import pytest

from nucleizoo.ops.edges import outlines, rims


def test_the_rim_of_a_disc_is_half_of_its_radius():
    y, x = np.mgrid[-30:31, -30:31]
    radius = np.hypot(y, x)
    disc = (radius <= 20).astype(np.int32)
    core = disc.astype(bool) & ~rims(disc, 0.5)
    assert np.sqrt(core.sum() / np.pi) == pytest.approx(10, abs=0.6)
    assert radius[core].max() < 11.5


def test_a_cut_nucleus_has_no_rim_at_the_border_unless_asked():
    labels = np.ones((9, 9), np.int32)
    labels[:, 7:] = 0
    assert not rims(labels, 0.5)[4, 0]
    assert rims(labels, 0.5, border=True)[4, 0]


def test_share_zero_gives_no_rim():
    assert not rims(np.ones((3, 3), np.int32), 0.0).any()


def test_outlines_lie_inside_and_part_touching_nuclei():
    labels = np.array([[0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]], np.int32)
    np.testing.assert_array_equal(outlines(labels), [[0, 1, 0, 0, 1, 2, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(outlines(labels, 2), [[0, 1, 1, 1, 1, 2, 2, 0, 0, 0, 0]])


def test_outlines_of_nothing_and_of_everything_are_empty():
    assert not outlines(np.zeros((4, 4), np.int32)).any()
    assert not outlines(np.ones((3, 4, 4), np.int32)).any()
