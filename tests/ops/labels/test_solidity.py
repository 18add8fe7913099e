"""Solidity, of shapes whose volume and hull are known."""

import numpy as np
import pytest

from nucleizoo.ops.labels.solidity import solidity


def drawn(shape, *boxes):
    labels = np.zeros(shape, np.int32)
    for number, *box in boxes:
        labels[tuple(slice(*side) for side in box)] = number
    return labels


@pytest.mark.parametrize("deep", [False, True])
def test_boxes_fill_their_hull_and_a_corner_taken_out_of_a_square_leaves_six_sevenths(deep):
    flat = drawn(
        (20, 20), (2, (0, 1), (0, 1)), (5, (3, 4), (2, 9)), (7, (8, 16), (4, 16)), (0, (12, 16), (10, 16))
    )
    labels = np.repeat(flat[None], 3, axis=0) if deep else flat
    assert solidity(labels) == pytest.approx([1, 1, 6 / 7])


def test_a_ring_misses_its_hole_and_two_pieces_what_is_between_them():
    ring = drawn((9, 9), (1, (0, 9), (0, 9)), (0, (3, 6), (3, 6)))
    pieces = drawn((4, 12), (1, (0, 4), (0, 3)), (1, (0, 4), (9, 12)))
    assert solidity(ring) == pytest.approx([72 / 81]) and solidity(pieces) == pytest.approx([0.5])


def test_the_hull_of_a_diamond_has_the_corners_of_its_voxels():
    """The hull is a square of edge 2 r + 1 without its corners, four triangles with legs of r."""
    r = 10
    y, x = np.mgrid[-r : r + 1, -r : r + 1]
    pixels, hull = 2 * r * r + 2 * r + 1, (2 * r + 1) ** 2 - 2 * r * r
    assert solidity((abs(y) + abs(x) <= r).astype(np.int32)) == pytest.approx([pixels / hull])


def test_no_nucleus_has_none():
    assert solidity(np.zeros((4, 4, 4), np.int32)).size == 0
