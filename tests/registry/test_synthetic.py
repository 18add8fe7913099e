import numpy as np
import pytest

from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import SynthesisError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DATASETS

load_plugins()


def source(dims=2, spacing=(), **settings):
    return DATASETS.get("synthetic")(DataSpec(dims, spacing=spacing), **settings)


def test_a_sample_is_labels_alone_and_repeats_with_its_seed():
    small = source(semi_axis=(4.0, 6.0), count=(3.0, 5.0))
    one, two = (small.sample(np.random.default_rng(3), (48, 64)) for _ in range(2))
    assert one.image is None and one.clean is None
    assert one.labels.shape == (48, 64) and one.labels.dtype == np.int32
    assert 3 <= one.labels.max() <= 6
    np.testing.assert_array_equal(one.labels, two.labels)


def test_volumes_carry_their_spacing():
    flat = source(3, (2.0, 0.5, 0.5), semi_axis=(6.0, 8.0), count=(4.0, 6.0))
    sample = flat.sample(np.random.default_rng(0), (16, 48, 48))
    assert sample.spacing == (2.0, 0.5, 0.5)
    z, y, x = (np.ptp(axis) + 1 for axis in np.nonzero(sample.labels == 1))
    assert z <= 5 and max(y, x) > z


def test_count_follows_the_area_when_a_patch_is_named():
    per_patch = source(semi_axis=(3.0, 4.0), count=(40.0, 40.0), patch=(100, 100))
    assert per_patch.sample(np.random.default_rng(0), (100, 100)).labels.max() == 40
    assert per_patch.sample(np.random.default_rng(0), (50, 100)).labels.max() == 20
    anywhere = source(semi_axis=(3.0, 4.0), count=(20.0, 20.0))
    assert anywhere.sample(np.random.default_rng(0), (50, 100)).labels.max() == 20


def test_what_cannot_be_placed_fails_at_construction():
    with pytest.raises(SynthesisError, match="COUNT"):
        source(count=(0.0, 0.0))
    with pytest.raises(SynthesisError, match="SEMI_AXIS"):
        source(semi_axis=(900.0, 999.0))
    with pytest.raises(ValueError, match="PATCH"):
        source(3, patch=(64, 64))
    with pytest.raises(ValueError, match="ECCENTRICITY"):
        source(eccentricity=(0.5, 1.5))
