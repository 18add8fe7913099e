import numpy as np
import pytest

from nucleizoo.ops.labels.edges import contours, outlines, rims


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


def test_a_contour_is_four_pixels_wide_and_half_of_it_lies_outside():
    labels = np.zeros((20, 20), np.int32)
    labels[5:15, 5:15] = 1
    y, x = np.mgrid[:20, :20]
    middle = np.maximum(abs(y - 9.5), abs(x - 9.5))  # 0.5 in the middle, 4.5 the last pixel of the square
    # the edge in x and that in y leave out the very corner outside
    for dilate, inner, outer in ((0, 4, 6), (1, 3, 7)):
        corner = np.minimum(abs(y - 9.5), abs(x - 9.5)) > outer - 1
        wanted = (middle > inner) & (middle < outer) & ~corner
        np.testing.assert_array_equal(contours(labels, dilate), wanted)


def test_a_contour_parts_touching_nuclei_whatever_their_numbers():
    for left, right in [(1, 2), (2**31 - 1, 1), (300, 44), (65537, 1)]:
        row = contours(np.array([[left] * 5 + [right] * 5], np.int32), 0)
        assert row.tolist() == [[False] * 4 + [True] * 2 + [False] * 4]


def test_a_gap_of_one_pixel_within_a_nucleus_has_edges_beside_it():
    assert contours(np.array([[7, 7, 7, 0, 7, 7, 7]], np.int32), 0)[0].tolist() == [0, 0, 1, 0, 1, 0, 0]


def test_contours_agree_with_a_plain_loop():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (3, 9, 8)).astype(np.int32)
    around = np.pad(labels, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    edge = np.zeros(labels.shape, bool)
    for z, y, x in np.ndindex(labels.shape):
        up, down, left, right = (
            around[z, y + 1 + i, x + 1 + j] for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))
        )
        edge[z, y, x] = up != down or left != right
    np.testing.assert_array_equal(contours(labels, 0), edge)
    wide = contours(labels, 2)
    for z, y, x in np.ndindex(labels.shape):
        near = edge[z, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        assert wide[z, y, x] == near.any()


def test_contours_neither_run_along_the_border_nor_from_plane_to_plane():
    assert not contours(np.ones((6, 7), np.int32)).any()
    planes = np.zeros((5, 6, 7), np.int32)
    planes[1:3], planes[3] = 1, 2
    assert not contours(planes).any()
    assert contours(np.zeros((3, 1, 1), np.int32)).shape == (3, 1, 1)
