import numpy as np
import pytest
from scipy.spatial.distance import cdist

from nucleizoo.ops.labels import distance
from nucleizoo.ops.labels.distance import instance_distance, relative_distance
from nucleizoo.ops.synthesis.ellipsoids import place


@pytest.fixture(autouse=True, params=["edt", "scipy"])
def transform(request, monkeypatch):
    """Every test is held with the extra library and without it."""
    if request.param == "scipy":
        monkeypatch.setattr(distance, "edt", None)
    elif distance.edt is None:
        pytest.skip("edt is not installed")


def brute(labels, spacing, border):
    """Every voxel against every other: no boxes, no transform."""
    padded = np.pad(labels, 1) if border else labels
    voxel = np.array(spacing or (1.0,) * labels.ndim)
    points = np.argwhere(np.ones_like(padded, bool)) * voxel / voxel[-1]
    flat, result = padded.ravel(), np.zeros(padded.size)
    for number in set(flat.tolist()) - {0}:
        inside = flat == number
        result[inside] = cdist(points[inside], points[~inside]).min(axis=1) if not inside.all() else np.inf
    result = result.reshape(padded.shape)
    return result[(slice(1, -1),) * labels.ndim] if border else result


@pytest.mark.parametrize("border", [True, False])
@pytest.mark.parametrize(
    ("size", "spacing"), [((30, 40), ()), ((30, 40), (0.5, 0.2)), ((10, 16, 16), (2.0, 0.5, 0.5))]
)
def test_boxes_give_what_every_pair_of_voxels_gives(size, spacing, border):
    labels = place(np.random.default_rng(0), size, semi_axis=(3, 9), count=(9, 9))
    labels[labels == 2] = 0  # a gap in the numbers
    np.testing.assert_allclose(
        instance_distance(labels, spacing, border=border), brute(labels, spacing, border), rtol=1e-5
    )


def test_touching_nuclei_are_outside_of_each_other():
    labels = np.array([[1, 1, 1, 2, 2, 2]], np.int32)
    np.testing.assert_array_equal(instance_distance(labels, border=False), [[3, 2, 1, 1, 2, 3]])


def test_a_crop_inside_one_nucleus_is_defined():
    labels = np.full((5, 7), 3, np.int32)
    assert np.isinf(instance_distance(labels, border=False)).all()
    np.testing.assert_array_equal(relative_distance(labels, border=False), 1)
    assert instance_distance(labels)[2, 3] == 3
    assert relative_distance(labels).max() == 1
    assert relative_distance(labels)[0, 0] == pytest.approx(1 / 3)


def test_every_nucleus_reaches_one_and_the_background_stays_zero():
    labels = place(np.random.default_rng(1), (64, 64), semi_axis=(3, 9), count=(9, 9))
    relative = relative_distance(labels, border=False)
    assert relative.dtype == np.float32
    assert (relative[labels == 0] == 0).all()
    for number in range(1, labels.max() + 1):
        assert relative[labels == number].max() == 1
        assert relative[labels == number].min() > 0


@pytest.mark.parametrize("border", [True, False])
@pytest.mark.parametrize(("size", "spacing"), [((40, 50), (0.3, 0.2)), ((12, 30, 40), (2.0, 0.5, 0.4))])
def test_both_transforms_give_one_result(monkeypatch, size, spacing, border):
    labels = place(np.random.default_rng(2), size, semi_axis=(4, 9), count=(20, 20), spacing=spacing)
    here = [f(labels, spacing, border=border) for f in (instance_distance, relative_distance)]
    monkeypatch.setattr(distance, "edt", None)
    there = [f(labels, spacing, border=border) for f in (instance_distance, relative_distance)]
    np.testing.assert_allclose(here, there, rtol=1e-6)


def test_any_memory_layout_and_a_read_only_array_will_do():
    labels = place(np.random.default_rng(3), (20, 30), semi_axis=(3, 6), count=(9, 9))
    wanted = relative_distance(labels, (2.0, 1.0))
    turned = np.asfortranarray(labels)
    turned.flags.writeable = False
    np.testing.assert_array_equal(relative_distance(turned, (2.0, 1.0)), wanted)
    sparse = labels[::-1, ::2]
    np.testing.assert_array_equal(relative_distance(sparse), relative_distance(sparse.copy()))


def test_one_voxel_is_one():
    labels = np.zeros((5, 5), np.int32)
    labels[2, 2] = 1
    assert instance_distance(labels)[2, 2] == 1
    assert relative_distance(labels, (4.0, 1.0))[2, 2] == 1


def test_nothing_stays_nothing():
    assert not instance_distance(np.zeros((4, 4), np.int32)).any()
    assert not relative_distance(np.zeros((3, 4, 4), np.int32), border=False).any()


def test_spacing_must_fit_the_axes():
    with pytest.raises(ValueError, match="3 values"):
        instance_distance(np.zeros((4, 4, 4), np.int32), (1.0, 1.0))


def test_the_numbers_of_labels_may_be_as_large_as_files_hold_them():
    labels = place(np.random.default_rng(4), (20, 30), semi_axis=(3, 6), count=(9, 9))
    large = np.where(labels > 0, np.int32(2**31 - 1) - labels, 0)
    np.testing.assert_array_equal(relative_distance(large), relative_distance(labels))
