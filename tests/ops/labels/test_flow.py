"""Flows of shapes that are known, and voxels that follow flows that are known."""

import numpy as np
import pytest

from nucleizoo.ops.labels.flow import follow, heat_flow, middles


def disc(shape, middle, radius):
    far = sum((line - m) ** 2 for line, m in zip(np.ogrid[tuple(map(slice, shape))], middle, strict=True))
    return (far <= radius**2).astype(np.int32)


@pytest.mark.parametrize(("shape", "middle"), [((31, 33), (15, 16)), ((17, 19, 18), (8, 9, 9))])
def test_in_a_ball_the_flow_leads_straight_to_its_middle(shape, middle):
    labels = disc(shape, middle, 7)
    flow = heat_flow(labels)
    toward = np.reshape(middle, (-1, *[1] * len(shape))) - np.indices(shape)
    away = np.sqrt((toward**2).sum(0))
    cosine = (flow * toward).sum(0)[(labels > 0) & (away > 0)] / away[(labels > 0) & (away > 0)]
    assert cosine.min() > 0.95 and cosine.mean() > 0.99
    np.testing.assert_allclose(np.sqrt((flow**2).sum(0))[(labels > 0) & (away > 0)], 1, atol=1e-5)
    assert not flow[:, labels == 0].any() and not flow[(slice(None), *middle)].any()


def test_in_a_bent_corridor_the_flow_goes_round_the_corner_and_never_out():
    labels = np.zeros((30, 30), np.int32)
    labels[2:5, 2:28] = labels[2:28, 2:5] = 1  # the middle is in the corner's diagonal half
    flow = heat_flow(labels)
    led = np.flatnonzero(labels)
    gone = follow(flow, led, steps=80, furthest=(60, 60))
    ends = np.stack(np.unravel_index(led, labels.shape)) + gone
    assert (labels[tuple(np.rint(ends).astype(int))] == 1).all()
    assert np.abs(ends - np.reshape(np.unravel_index(middles(labels)[1], labels.shape), (2, 1))).max() < 1.5


def test_touching_nuclei_do_not_warm_each_other():
    labels = np.zeros((12, 20), np.int32)
    labels[2:10, 2:10], labels[2:10, 10:18] = 1, 2
    alone = np.where(labels == 1, labels, 0)
    np.testing.assert_array_equal(heat_flow(labels)[:, labels == 1], heat_flow(alone)[:, labels == 1])


def test_flat_voxels_make_a_flow_in_micrometres():
    """A ball of 14 x 7 x 7 half-pixel planes is round: the flow along z is as in the ball of cubes."""
    cubes = disc((29, 29, 29), (14, 14, 14), 12)
    flat = cubes[::2]  # planes twice as far apart
    fine, coarse = heat_flow(cubes)[:, ::2], heat_flow(flat, (2.0, 1.0, 1.0))
    inner = (flat > 0) & (np.abs(fine).sum(0) > 0) & (np.abs(coarse).sum(0) > 0)
    cosine = (fine * coarse).sum(0)[inner]
    assert cosine.mean() > 0.98 and np.quantile(cosine, 0.05) > 0.9


def test_the_middle_is_in_the_nucleus_even_if_the_median_is_not():
    ring = disc((21, 21), (10, 10), 9) - disc((21, 21), (10, 10), 6)
    assert ring.ravel()[middles(ring)[1]] == 1
    assert middles(np.array([[0, 3, 3, 3]], np.int32)).tolist() == [-1, -1, -1, 2]


def test_a_uniform_flow_moves_by_steps_up_to_the_limit():
    flow = np.zeros((2, 9, 50), np.float32)
    flow[1] = 0.5
    gone = follow(flow, np.array([2 * 50 + 3, 4 * 50 + 48]), steps=12, furthest=(4, 5))
    np.testing.assert_allclose(gone, [[0, 0], [5, 5]])
    np.testing.assert_allclose(follow(flow, np.array([3]), steps=4, furthest=(4, 5)), [[0], [2]])


def test_the_flow_is_interpolated_between_voxels():
    """Along x the flow is 1 - x / 8: the distance to x = 8 shrinks by an eighth per step."""
    flow = np.zeros((2, 3, 9), np.float32)
    flow[1] = 1 - np.arange(9) / 8
    gone = follow(flow, np.array([9]), steps=10, furthest=(9, 9))
    np.testing.assert_allclose(gone[1, 0], 8 * (1 - (7 / 8) ** 10), rtol=1e-5)
