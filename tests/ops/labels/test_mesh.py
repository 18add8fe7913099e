"""Surfaces of nuclei, held against balls and boxes whose volume, area and place are known."""

from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from nucleizoo.ops.labels.mesh import mesh


def ball(radius, spacing, cut=0):
    """Labels of a ball in the middle, `cut` planes of which are missing at the low end, and its centre."""
    shape = [2 * int(1.3 * radius / size) + 3 for size in spacing]
    middle = [n // 2 * size for n, size in zip(shape, spacing, strict=True)]
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    far = sum((g * size - m) ** 2 for g, size, m in zip(grid, spacing, middle, strict=True))
    return (far < radius**2).astype(np.int32)[cut:], middle


def meshed(labels, spacing):
    return mesh(labels, 1, ndimage.find_objects(labels)[0], spacing)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.4, 0.4)])
def test_a_ball_has_its_volume_its_area_and_its_place(spacing):
    labels, middle = ball(8.0, spacing)
    made = meshed(labels, spacing)
    assert made.volume == pytest.approx(labels.sum() * np.prod(spacing), rel=0.03)
    assert made.area == pytest.approx(4 * np.pi * 64, rel=0.04)
    np.testing.assert_allclose((made.vertices.min(0) + made.vertices.max(0)) / 2, middle[::-1], atol=0.05)
    lengths = np.ptp(made.vertices, axis=0)
    np.testing.assert_allclose(lengths, 16, rtol=0.06 if spacing[0] == 1 else 0.1)


def test_triangles_look_outwards_and_leave_no_hole_where_the_border_cuts():
    labels, _ = ball(7.0, (1.0, 1.0, 1.0), cut=6)
    assert labels[0].any()
    made = meshed(labels, (1.0, 1.0, 1.0))
    assert made.volume > 0
    sides = Counter((int(face[i]), int(face[(i + 1) % 3])) for face in made.faces for i in range(3))
    # every edge is between two triangles, of one orientation
    assert set(sides.values()) == {1} and all((b, a) in sides for a, b in sides)
    assert made.vertices[:, 2].min() == pytest.approx(-0.5, abs=0.5)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 4, 4), (3, 1, 9)])
def test_small_and_flat_nuclei_do_not_vanish(size):
    labels = np.zeros((9, 16, 16), np.int32)
    labels[tuple(slice(3, 3 + n) for n in size)] = 1
    made = meshed(labels, (1.0, 1.0, 1.0))
    assert 0.15 * labels.sum() < made.volume < 2.5 * labels.sum()


def test_of_two_nuclei_only_the_one_asked_for_is_meshed():
    labels = np.zeros((8, 12, 24), np.int32)
    labels[2:6, 3:9, 2:8], labels[2:6, 3:9, 8:22] = 1, 2
    assert mesh(labels, 1, ndimage.find_objects(labels)[0], (1.0, 1.0, 1.0)).vertices[:, 0].max() < 9
