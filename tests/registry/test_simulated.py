import numpy as np
import pytest

from nucleizoo.contracts import DataSpec
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DATASETS
from nucleizoo.preprocess import Reader

load_plugins()
LAW = {"semi_axis": (6.0, 9.0), "count": (6.0, 9.0), "gap": 1}
SIZES = {2: (80, 90), 3: (16, 64, 60)}
MODALITIES = ("simulated_em", "simulated_exm")


def source(name, dims=2, spacing=(), **settings):
    return DATASETS.get(name)(DataSpec(dims, spacing=spacing), **{"patch": SIZES[dims]} | LAW | settings)


def drawn(name, dims=2, seed=3, **settings):
    return source(name, dims, **settings).sample(np.random.default_rng(seed), SIZES[dims])


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", MODALITIES)
def test_a_sample_is_a_picture_with_labels_and_repeats_with_its_seed(name, dims):
    one, two = drawn(name, dims), drawn(name, dims)
    assert one.image.shape == (1, *SIZES[dims]) and one.image.dtype == np.float32
    assert one.labels.shape == SIZES[dims] and one.labels.dtype == np.int32 and one.clean is None
    assert -1 <= one.image.min() < one.image.max() <= 1
    np.testing.assert_array_equal(one.image, two.image)
    assert DATASETS.get(name).gives == {"image", "labels"}


@pytest.mark.parametrize("dims", [2, 3])
def test_both_modalities_and_synthetic_masks_have_one_law_of_nuclei(dims):
    em, exm = (drawn(name, dims) for name in MODALITIES)
    masks = drawn("synthetic", dims)
    np.testing.assert_array_equal(em.labels, exm.labels)
    np.testing.assert_array_equal(em.labels, masks.labels)


@pytest.mark.parametrize("dims", [2, 3])
def test_what_finds_nuclei_in_one_modality_finds_the_rest_in_the_other(dims):
    em, exm = drawn("simulated_em", dims, missing=0.0), drawn("simulated_exm", dims)
    truth = em.labels > 0

    def best(picture):
        """The largest Dice that a threshold reaches for what is brighter."""
        cuts = np.quantile(picture, np.linspace(0, 1, 40))
        return max(2 * (truth & (picture > c)).sum() / (truth.sum() + (picture > c).sum()) for c in cuts)

    everything = 2 * truth.mean() / (1 + truth.mean())
    assert best(-em.image[0]) > 0.7 and best(exm.image[0]) > 0.7
    assert best(em.image[0]) < everything + 0.03 and best(-exm.image[0]) < everything + 0.03


def test_the_negative_of_a_micrograph_has_the_same_nuclei():
    plain, negative = drawn("simulated_em"), drawn("simulated_em", invert=True)
    np.testing.assert_allclose(negative.image, -plain.image, atol=1e-6)
    np.testing.assert_array_equal(negative.labels, plain.labels)


@pytest.mark.parametrize("name", MODALITIES)
def test_coarse_z_flattens_nuclei_and_is_carried_along(name):
    sample = drawn(name, 3, spacing=(2.0, 0.5, 0.5), count=(3.0, 3.0))
    assert sample.spacing == (2.0, 0.5, 0.5)
    z, y, x = (np.ptp(axis) + 1 for axis in np.nonzero(sample.labels == 1))
    assert z < max(y, x) / 2


def test_lost_sections_are_black_and_keep_their_labels():
    whole, lost = drawn("simulated_em", 3, missing=0.0), drawn("simulated_em", 3, missing=1.0)
    assert (lost.image == -1).all() and (whole.image > -1).any()
    np.testing.assert_array_equal(whole.labels, lost.labels)


@pytest.mark.parametrize("name", MODALITIES)
def test_files_of_its_pictures_are_read_as_they_are(name, tmp_path):
    from nucleizoo import io

    sample = drawn(name)
    io.write_image(tmp_path / "a.tif", (sample.image[0] + 1) / 2)
    made = DATASETS.get(name).reader(Reader, DataSpec(2), **LAW)
    (scan,) = made.read(tmp_path / "a.tif")
    np.testing.assert_allclose(scan.image, sample.image, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("simulated_em", {"noise": -0.1}, "NOISE"),
        ("simulated_em", {"missing": 1.5}, "MISSING"),
        ("simulated_exm", {"brightness": (0.5, 2.0)}, "BRIGHTNESS"),
        ("simulated_exm", {"brightness": (0.9, 0.5)}, "BRIGHTNESS"),
        ("simulated_exm", {"blur": -1.0}, "BLUR"),
        ("simulated_exm", {"photons": 0.0}, "PHOTONS"),
        ("simulated_exm", {"eccentricity": (0.5, 1.5)}, "ECCENTRICITY"),
    ],
)
def test_a_value_out_of_range_is_named(name, settings, key):
    with pytest.raises(ValueError, match=key):
        source(name, **settings)


def test_colour_is_refused():
    with pytest.raises(ValueError, match=r"DATASET\.CHANNELS .*\b3\b"):
        DATASETS.get("simulated_em")(DataSpec(2, channels=3))
