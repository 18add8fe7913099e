import numpy as np
import pytest

from nucleizoo.ops.labels.components import (
    BACKENDS,
    check_backend,
    drop_small,
    fill_holes,
    fill_pockets,
    label,
    label_rest,
    marker_watershed,
    parts,
    renumber,
)


def ints(*rows):
    return np.array(rows, np.int32)


def test_corners_connect_only_when_asked():
    mask = np.eye(3, dtype=bool)
    assert label(mask).max() == 3
    assert label(mask, full=True).max() == 1
    assert label(mask).dtype == np.int32


def test_drop_small_keeps_numbers_and_never_touches_the_background():
    labels = ints([1, 0, 3, 3, 3])
    np.testing.assert_array_equal(drop_small(labels, 2), [[0, 0, 3, 3, 3]])
    np.testing.assert_array_equal(drop_small(labels, 4), [[0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(drop_small(labels, 1), labels)


def test_renumbering_follows_the_raster():
    np.testing.assert_array_equal(
        renumber(ints([0, 7, 7], [2, 0, 7], [2, 5, 5])), [[0, 1, 1], [2, 0, 1], [2, 3, 3]]
    )
    np.testing.assert_array_equal(renumber(ints([2**31 - 1, 0, 5])), [[1, 0, 2]])


def test_renumbering_agrees_with_a_plain_loop():
    rng = np.random.default_rng(0)
    for _ in range(30):
        labels = rng.integers(0, 9, (5, 6)).astype(np.int32)
        order: dict[int, int] = {}
        for value in labels.ravel().tolist():
            if value and value not in order:
                order[value] = len(order) + 1
        expected = np.vectorize(lambda v, order=order: order.get(v, 0))(labels)
        np.testing.assert_array_equal(renumber(labels), expected)


def test_holes_fill_but_a_nucleus_inside_and_an_open_bay_do_not():
    ring = np.ones((7, 7), np.int32)
    ring[2:5, 2:5] = 0
    ring[3, 3] = 2
    filled = fill_holes(ring)
    assert (filled == 2).sum() == 1
    assert (filled == 1).sum() == 48
    bay = np.ones((5, 5), np.int32)
    bay[2, 2:] = 0
    np.testing.assert_array_equal(fill_holes(bay), bay)
    least = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.int32)  # the smallest object with a hole
    np.testing.assert_array_equal(fill_holes(least), [[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def test_a_pocket_fills_when_it_is_small_and_one_nucleus_surrounds_it():
    labels = np.ones((9, 9), np.int32)
    labels[4, 2:6] = 0
    assert (fill_pockets(labels, 5) == 1).all()
    np.testing.assert_array_equal(fill_pockets(labels, 4), labels)
    np.testing.assert_array_equal(fill_pockets(labels, 0), labels)
    assert (labels == 0).sum() == 4


@pytest.mark.parametrize("end", [(0, slice(0, 2)), (slice(0, 2), 4), (8, slice(7, 9)), (slice(7, 9), 8)])
def test_a_pocket_at_the_border_may_go_on_outside(end):
    labels = np.ones((9, 9), np.int32)
    labels[end] = 0
    np.testing.assert_array_equal(fill_pockets(labels, 16), labels)


def test_a_pocket_between_nuclei_is_neither_ones_and_a_nucleus_is_no_pocket():
    between = np.ones((9, 12), np.int32)
    between[:, 6:] = 2
    between[4, 5:7] = 0
    np.testing.assert_array_equal(fill_pockets(between, 16), between)
    within = np.ones((9, 9), np.int32)
    within[4, 3:6] = 0, 5, 0
    within[2, 2] = 0
    filled = fill_pockets(within, 16)
    assert filled[4, 4] == 5 and filled[2, 2] == 1
    assert (filled[4, [3, 5]] == 0).all()


def test_a_pocket_in_a_plane_is_open_when_the_next_plane_is():
    labels = np.ones((5, 7, 7), np.int32)
    labels[2, 3, 3] = 0
    assert (fill_pockets(labels, 16) == 1).all()
    labels[:, 3, 3] = 0
    np.testing.assert_array_equal(fill_pockets(labels, 16), labels)


def test_parts_of_a_torn_nucleus_are_nuclei_and_touching_ones_stay_apart():
    labels = ints([2**30, 0, 2**30], [0, 0, 9], [9, 0, 9])
    np.testing.assert_array_equal(parts(labels), [[1, 0, 2], [0, 0, 3], [4, 0, 3]])
    np.testing.assert_array_equal(parts(ints([6, 0], [0, 6])), [[1, 0], [0, 1]])
    assert parts(labels).dtype == np.int32


@pytest.mark.parametrize("backend", BACKENDS)
def test_flooding_stops_at_the_mask(backend):
    mask = np.array([[1, 1, 1, 0, 1, 1]], bool)
    flat, seeds = np.zeros((1, 6), np.float32), ints([5, 0, 0, 0, 0, 0])
    flooded = marker_watershed(flat, seeds, mask, backend=backend)
    np.testing.assert_array_equal(flooded, [[5, 5, 5, 0, 0, 0]])
    np.testing.assert_array_equal(label_rest(flooded, mask), [[5, 5, 5, 0, 6, 6]])
    assert flooded.dtype == np.int32


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_seeds_meet_on_the_ridge(backend):
    landscape = np.array([[0, 1, 2, 3, 2.5, 1, 0]], np.float32)
    seeds = ints([1, 0, 0, 0, 0, 0, 2])
    flooded = marker_watershed(landscape, seeds, np.ones((1, 7), bool), backend=backend)
    assert flooded[0, :3].tolist() == [1, 1, 1]
    assert flooded[0, 4:].tolist() == [2, 2, 2]


def test_an_unknown_back_end_is_refused_by_name():
    with pytest.raises(ValueError, match=r"WATERSHED .*'frontier' or 'skimage'.*'mahotas'"):
        check_backend("mahotas")
    with pytest.raises(ValueError, match="WATERSHED"):
        marker_watershed(np.zeros((2, 2)), ints([0, 0], [0, 0]), np.ones((2, 2), bool), backend="")


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4)])
def test_nothing_stays_nothing(shape):
    empty = np.zeros(shape, np.int32)
    mask, flat = empty > 0, empty.astype(np.float32)
    results = label(mask), drop_small(empty, 9), renumber(empty), fill_holes(empty)
    results += fill_pockets(empty, 16), parts(empty), label_rest(empty, mask)
    results += tuple(marker_watershed(flat, empty, mask, backend=backend) for backend in BACKENDS)
    for result in results:
        assert result.shape == shape and result.dtype == np.int32 and not result.any()
