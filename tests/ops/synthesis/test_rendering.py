import numpy as np
import pytest
from scipy import stats

from nucleizoo.ops.synthesis.ellipsoids import place
from nucleizoo.ops.synthesis.rendering import electron, fluorescence, shot_noise

CAMERA = {"noise": 0.04, "missing": 0.0}
OPTICS = {"brightness": (0.3, 1.0), "haze": 0.15, "photons": 60.0}


def nuclei(size, seed=0, spacing=()):
    rng = np.random.default_rng(seed)
    return place(rng, size, semi_axis=(8.0, 12.0), count=(12.0, 12.0), gap=2, spacing=spacing)


def micrograph(labels, seed=0, voxel=None, **settings):
    voxel = voxel or (1.0,) * labels.ndim
    rng = np.random.default_rng(seed)
    return electron(labels, rng, radius=10.0, voxel=voxel, **CAMERA | settings)


def glow(labels, seed=0, voxel=None, **settings):
    voxel = voxel or (1.0,) * labels.ndim
    blur = settings.pop("blur", (3.0, 1.2, 1.2)[3 - labels.ndim :])
    rng = np.random.default_rng(seed)
    return fluorescence(labels, rng, radius=10.0, voxel=voxel, blur=blur, **OPTICS | settings)


def shell(labels):
    """Voxels at the border of a nucleus, on its inside."""
    inside = labels > 0
    edge = np.zeros_like(inside)
    for axis in range(labels.ndim):
        for shift in (-1, 1):
            edge |= inside & (np.roll(labels, shift, axis) != labels)
    return edge


def share_brighter(picture, labels):
    """Probability that a voxel of a nucleus is brighter than one of the rest: the area under the ROC."""
    inside, outside = picture[labels > 0], picture[labels == 0]
    return stats.mannwhitneyu(inside, outside).statistic / inside.size / outside.size


@pytest.mark.parametrize("size", [(128, 128), (24, 80, 80)])
def test_nuclei_are_dark_in_one_modality_and_bright_in_the_other(size):
    labels = nuclei(size)
    dark, bright = micrograph(labels), glow(labels)
    for picture in (dark, bright):
        assert picture.shape == size and picture.dtype == np.float32
        assert picture.min() >= 0 and picture.max() <= 1
    assert share_brighter(dark, labels) < 0.1 and share_brighter(bright, labels) > 0.9
    for name in range(1, labels.max() + 1):
        assert dark[labels == name].mean() < dark[labels == 0].mean() - 0.1


def test_pictures_repeat_with_their_seed_and_differ_without():
    labels = nuclei((64, 64))
    for render in (micrograph, glow):
        np.testing.assert_array_equal(render(labels, 1), render(labels, 1))
        assert np.abs(render(labels, 1) - render(labels, 2)).mean() > 0.01


@pytest.mark.parametrize("render", [micrograph, glow])
def test_an_image_without_nuclei_has_a_picture(render):
    for size in ((30, 40), (3, 20, 20), (1, 1)):
        picture = render(np.zeros(size, np.int32))
        assert picture.shape == size and np.isfinite(picture).all()


# --- electrons


def test_an_envelope_is_darker_than_the_nucleus_and_the_cell_around_it():
    labels = nuclei((160, 160))
    picture, rim = micrograph(labels, noise=0.0), shell(labels)
    inside, outside = (labels > 0) & ~rim, labels == 0
    assert picture[rim].mean() < picture[inside].mean() - 0.03 < picture[outside].mean() - 0.2


def test_chromatin_and_cytoplasm_have_texture_beyond_the_noise():
    labels = nuclei((160, 160))
    picture, rim = micrograph(labels, noise=0.0), shell(labels)
    for region in ((labels > 0) & ~rim, labels == 0):
        assert picture[region].std() > 0.03


def test_there_are_membranes_outside_of_nuclei():
    labels = nuclei((160, 160))
    picture = micrograph(labels, noise=0.0)
    # as dark as an envelope, in a background that is as bright as no nucleus
    assert 0.02 < (picture[labels == 0] < 0.4).mean() < 0.2


def test_sections_are_lost_whole_and_as_often_as_asked():
    labels = np.zeros((400, 8, 8), np.int32)
    labels[:, 2:6, 2:6] = 1
    planes = micrograph(labels, missing=0.25).reshape(400, -1)
    lost = (planes == 0).all(axis=1)
    assert lost.sum() == pytest.approx(100, abs=4 * np.sqrt(400 * 0.25 * 0.75))
    assert planes[~lost].mean(axis=1).min() > 0.2
    assert (micrograph(labels[:5], missing=1.0) == 0).all()
    assert (micrograph(labels[0], missing=1.0) > 0).any()  # an image has no sections


# --- photons


def test_counts_have_the_law_of_poisson():
    rng = np.random.default_rng(0)
    for rate in (1.0, 4.0, 30.0):
        made = 10 * shot_noise(np.full(200_000, rate / 10, np.float32), rng, 10.0)
        np.testing.assert_allclose(made, np.rint(made), atol=1e-4)
        assert made.min() >= 0
        assert made.mean() == pytest.approx(rate, rel=0.03)
        assert made.var() == pytest.approx(rate, abs=0.25)
        exact = stats.poisson(rate).cdf(np.arange(80))
        found = np.searchsorted(np.sort(np.rint(made)), np.arange(80), side="right") / made.size
        assert np.abs(found - exact).max() < 0.05


def test_more_photons_make_less_noise():
    flat = np.full((200, 200), 0.3, np.float32)
    few, many = (shot_noise(flat, np.random.default_rng(0), photons).std() for photons in (20.0, 180.0))
    assert few / many == pytest.approx(3, rel=0.05)


def width(profile):
    """Standard deviation of the blur of a step: half the way from 16 to 84 per cent of its height."""
    low, high = profile[:10].mean(), profile[-10:].mean()
    shares = np.maximum.accumulate((profile - low) / (high - low))
    return np.diff(np.interp(stats.norm.cdf([-1, 1]), shares, np.arange(shares.size)))[0] / 2


@pytest.mark.parametrize(("voxel", "wanted"), [((1.0, 1.0, 1.0), (4.0, 1.5)), ((2.0, 1.0, 1.0), (2.0, 1.5))])
def test_blur_is_wide_along_z_and_narrow_within_planes(voxel, wanted):
    upper, right = np.zeros((60, 60, 60), np.int32), np.zeros((60, 60, 60), np.int32)
    upper[30:], right[..., 30:] = 1, 1
    settings = {
        "voxel": voxel,
        "blur": (4.0, 1.5, 1.5),
        "photons": 1e6,
        "haze": 0.0,
        "brightness": (1.0, 1.0),
    }
    found = glow(upper, **settings).mean(axis=(1, 2)), glow(right, **settings).mean(axis=(0, 1))
    assert [width(profile) for profile in found] == pytest.approx(wanted, rel=0.1)


def test_brightness_varies_from_nucleus_to_nucleus_within_its_range():
    labels = np.zeros((80, 800), np.int32)
    for i in range(20):
        labels[20:60, 40 * i + 5 : 40 * i + 35] = i + 1
    picture = glow(labels, blur=(0.0, 0.0), haze=0.0, photons=1e6, brightness=(0.5, 1.0))
    dark = picture[labels == 0].mean()
    light = np.array([picture[labels == i].mean() for i in range(1, 21)]) - dark
    assert light.max() / light.min() > 1.4 and light.max() / light.min() < 2.6


def test_haze_lights_what_is_near_a_nucleus_and_not_what_is_far():
    labels = np.zeros((100, 200), np.int32)
    labels[40:60, 40:60] = 1
    clear, hazy = (glow(labels, haze=haze, photons=1e6).mean(axis=0) for haze in (0.0, 0.5))
    assert (hazy - clear)[65:75].min() > 0.002 > np.abs(hazy - clear)[170:].max()
