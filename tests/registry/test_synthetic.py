import numpy as np
import pytest

from nucleizoo.api import load_config
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
    assert per_patch.sample(np.random.default_rng(0), (200, 100)).labels.max() == 80
    anywhere = source(semi_axis=(3.0, 4.0), count=(20.0, 20.0))
    assert anywhere.sample(np.random.default_rng(0), (50, 100)).labels.max() == 20


def test_a_crop_of_a_patch_holds_what_reaches_into_it():
    """One disc in a patch: how often a crop shows it, and how much, follows from where its centre may be."""
    patch, crop, radius, tries = (30, 40), (14, 16), 5.0, 400
    one = source(semi_axis=(radius, radius), eccentricity=(0.0, 0.0), count=(1.0, 1.0), patch=patch)
    found = [one.sample(np.random.default_rng(seed), crop).labels for seed in range(tries)]
    centres = np.stack(np.meshgrid(*map(np.arange, patch), indexing="ij"), -1).reshape(-1, 2)
    seen, covered = [], []
    for corner in np.ndindex(patch[0] - crop[0] + 1, patch[1] - crop[1] + 1):
        to_box = centres - np.clip(centres, corner, np.add(corner, crop) - 1)
        seen.append(((to_box**2).sum(1) <= radius**2).mean())
    for pixel in np.ndindex(patch):
        chances = [min(p, n - k) - max(0, p - k + 1) + 1 for p, n, k in zip(pixel, patch, crop, strict=True)]
        weight = np.prod(chances) / len(seen) / np.prod(crop)  # how often a crop has this pixel
        covered.append(weight * (((centres - pixel) ** 2).sum(1) <= radius**2).mean())
    shown = np.mean([labels.max() for labels in found])
    assert shown == pytest.approx(np.mean(seen), abs=4 * np.sqrt(0.25 / tries))
    shares = [(labels > 0).mean() for labels in found]
    assert np.mean(shares) == pytest.approx(np.sum(covered), abs=4 * np.std(shares) / np.sqrt(tries))


def test_crops_of_bbbc024_are_as_often_empty_as_if_cut_out_of_volumes():
    """A quarter of the size; of 1200 full-size crops of 12 painted volumes, 31 % held none, 42 % one."""
    data = load_config("configs/adgan_bbbc024_3d.yaml").DATASET
    assert data.SIZE == (64, 128, 128) and data.SOURCE.PATCH == (128, 512, 768)
    small = source(
        3,
        semi_axis=tuple(axis / 4 for axis in data.SOURCE.SEMI_AXIS),
        count=tuple(data.SOURCE.COUNT),
        patch=tuple(n // 4 for n in data.SOURCE.PATCH),
    )
    tries = 120
    found = [small.sample(np.random.default_rng(seed), (16, 32, 32)).labels for seed in range(tries)]
    numbers = np.array([len(np.unique(labels)) - 1 for labels in found])
    shares = [(numbers == 0).mean(), (numbers == 1).mean(), (numbers > 1).mean()]
    np.testing.assert_allclose(shares, (0.309, 0.424, 0.267), atol=4 * np.sqrt(0.25 / tries))
    filled = np.array([(labels > 0).mean() for labels in found])
    assert filled.mean() == pytest.approx(0.028, abs=4 * filled.std() / np.sqrt(tries))


def test_what_cannot_be_placed_fails_at_construction():
    with pytest.raises(SynthesisError, match="COUNT"):
        source(count=(0.0, 0.0))
    with pytest.raises(SynthesisError, match="SEMI_AXIS"):
        source(semi_axis=(900.0, 999.0))
    with pytest.raises(ValueError, match="PATCH"):
        source(3, patch=(64, 64))
    with pytest.raises(ValueError, match="ECCENTRICITY"):
        source(eccentricity=(0.5, 1.5))
