import numpy as np
import pytest
import torch

from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import TARGETS
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()


@pytest.mark.parametrize("name", ["mask", "ternary"])
@pytest.mark.parametrize(("size", "spacing"), [((40, 50), ()), ((12, 30, 30), (2.0, 0.5, 0.5))])
def test_picture_and_maps_are_two_sides_of_one_thing(name, size, spacing):
    target = TARGETS.get(name)()
    labels = place(np.random.default_rng(0), size, semi_axis=(5, 8), count=(5, 5))
    maps = target.encode(labels, spacing)
    assert maps.shape == (1, *size) and maps.dtype == np.float32
    np.testing.assert_array_equal(maps[0] > 0, labels > 0)
    tensor = torch.from_numpy(maps)[None]
    picture = target.as_image(tensor)
    assert picture.min() == -1 and picture.max() == 1
    torch.testing.assert_close(target.from_image(picture), tensor)
    logits = target.activate(torch.randn(2, 1, *size))
    assert 0 <= logits.min() and logits.max() <= 1


def test_a_disc_has_a_rim_of_half_its_radius():
    y, x = np.mgrid[-30:31, -30:31]
    maps = TARGETS.get("ternary")().encode((np.hypot(y, x) <= 20).astype(np.int32))
    assert set(np.unique(maps).tolist()) == {0.0, 0.5, 1.0}
    assert np.sqrt((maps == 1).sum() / np.pi) == pytest.approx(10, abs=0.6)


def test_touching_nuclei_have_rims_between_their_cores():
    labels = np.repeat([[1] * 8 + [2] * 8], 16, axis=0).astype(np.int32)
    row = TARGETS.get("ternary")().encode(labels)[0, 8]
    assert row.tolist() == [1] * 5 + [0.5] * 6 + [1] * 5


def test_a_crop_inside_one_nucleus_is_core_and_an_empty_one_background():
    target = TARGETS.get("ternary")()
    assert (target.encode(np.ones((9, 9), np.int32)) == 1).all()
    assert (target.encode(np.zeros((9, 9), np.int32)) == 0).all()


def test_one_voxel_is_core():
    labels = np.zeros((5, 5), np.int32)
    labels[2, 2] = 1
    assert TARGETS.get("ternary")().encode(labels)[0, 2, 2] == 1


def test_coarse_slices_count_by_their_depth():
    labels = np.zeros((7, 21, 21), np.int32)
    labels[1:6, 2:19, 2:19] = 1
    assert TARGETS.get("ternary")().encode(labels, (2.0, 1.0, 1.0))[0, 1, 10, 10] == 0.5
    assert TARGETS.get("ternary")().encode(labels, (8.0, 1.0, 1.0))[0, 1, 10, 10] == 1


def test_a_rim_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match="RIM"):
        TARGETS.get("ternary")(rim=1.0)
