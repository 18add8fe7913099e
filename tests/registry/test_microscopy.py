import numpy as np
import pytest

from nucleizoo.contracts import Sample
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import AUGMENTS
from nucleizoo.ops.image import warp
from nucleizoo.ops.image.geometry import centre_crop
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()

GEOMETRY = ("rotate", "rescale", "elastic", "missing_section", "misalignment", "flip")
DEGRADING = ("missing_parts", "motion_blur", "cut_blur", "cut_noise")
EVERYTHING = (*GEOMETRY, "intensity", *DEGRADING)
IN_2D = tuple(name for name in EVERYTHING if name not in ("missing_parts", "missing_section", "misalignment"))
SIZES = [(48, 48), (32, 44), (10, 40, 40), (9, 32, 40)]


def microscopy(*names, **settings):
    """Only these transforms, at every sample."""
    chances = dict.fromkeys(EVERYTHING, 0.0) | dict.fromkeys(names, 1.0)
    return AUGMENTS.get("microscopy")(**(chances | settings))


def nuclei(size, seed=0, channels=1):
    """Bright nuclei, the image the indicator of the labels; ids beyond what float32 can hold."""
    labels = place(np.random.default_rng(seed), size, semi_axis=(4.0, 6.0), count=(12.0, 14.0), gap=0)
    labels = np.where(labels > 0, labels + 2**30, 0).astype(np.int32)
    image = np.broadcast_to(np.where(labels > 0, 1, -1).astype(np.float32), (channels, *size))
    return Sample(image=image.copy(), labels=labels, spacing=(1.0,) * len(size))


def noise(size, channels=1, seed=0):
    return np.random.default_rng(seed).random((channels, *size), dtype=np.float32) * 2 - 1


def vary(augment, sample, size, seed=0):
    return augment(sample, np.random.default_rng(seed), size)


@pytest.mark.parametrize("size", [*SIZES, (1, 32, 32), (2, 16, 20)])
def test_without_any_transform_a_sample_stays_what_it_is(size):
    augment = microscopy()
    assert augment.reach(size) == size
    sample = nuclei(size)
    same = vary(augment, sample, size)
    np.testing.assert_array_equal(same.image, sample.image)
    np.testing.assert_array_equal(same.labels, sample.labels)
    assert same.clean is None and same.spacing == sample.spacing


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("names", [*((name,) for name in GEOMETRY), GEOMETRY], ids=" ".join)
def test_image_and_labels_move_together(size, names):
    augment = microscopy(*names)
    moved = 0
    for seed in range(6):
        sample = nuclei(augment.reach(size), seed)
        varied = vary(augment, sample, size, seed)
        assert varied.image.shape == (1, *size) and varied.image.dtype == np.float32
        assert varied.labels.shape == size and varied.labels.dtype == np.int32
        assert set(np.unique(varied.labels)) <= set(np.unique(sample.labels))
        inside, seen = varied.labels > 0, varied.image[0] > 0
        assert 0.02 < inside.mean() < 0.9
        assert np.corrcoef(inside.ravel(), seen.ravel())[0, 1] > 0.9  # small nuclei are mostly rim
        moved += not np.array_equal(varied.labels, centre_crop(sample.labels, size))
    solid_alone = len(size) == 2 and names in (("missing_section",), ("misalignment",))
    assert moved == 0 if solid_alone else moved >= 3


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("names", [*((name,) for name in GEOMETRY), GEOMETRY], ids=" ".join)
def test_a_label_comes_from_the_voxel_its_image_comes_from(size, names):
    augment = microscopy(*names)
    reach = augment.reach(size)
    places = np.stack(np.meshgrid(*map(np.arange, reach), indexing="ij"))  # every voxel says where it was
    labels = np.ravel_multi_index(tuple(places), reach).astype(np.int32) + 2**30
    # a label is read at the nearest voxel; one of a turned plane at the nearest voxel of its nearest one
    furthest = 0.5 + (0.5 * 2**0.5 if "misalignment" in names and len(size) == 3 else 0)
    bias = []
    for seed in range(8):
        varied = vary(augment, Sample((places / 128).astype(np.float32), labels), size, seed)
        came_from = np.stack(np.unravel_index(varied.labels - 2**30, reach))
        away = varied.image * 128 - came_from
        assert np.abs(away).max() <= furthest + 1e-3
        bias.append(away.mean(axis=tuple(range(1, away.ndim))))
    assert np.abs(np.mean(bias, axis=0)).max() < 0.05  # no half voxel between the two


@pytest.mark.parametrize(
    ("name", "size"), [(n, s) for n in DEGRADING for s in SIZES if len(s) == 3 or n in IN_2D], ids=str
)
def test_the_clean_copy_is_spared_what_degrades(size, name):
    augment = microscopy(name)
    assert augment.reach(size) == size
    image = noise(size)
    before = image.copy()
    hits = 0
    for seed in range(4):
        varied = vary(augment, Sample(image), size, seed)
        np.testing.assert_array_equal(varied.clean, image)
        hit = varied.image != varied.clean
        hits += hit.any()
        assert hit.mean() < (0.95 if len(size) == 3 or name.startswith("cut") else 1.01)
    assert hits == 4
    np.testing.assert_array_equal(image, before)  # the source's array is left alone


@pytest.mark.parametrize("size", SIZES)
def test_the_clean_copy_goes_where_the_image_goes_under_the_same_light(size):
    augment = microscopy(*GEOMETRY, "intensity", "cut_noise", box=0.3)
    untouched = microscopy(*GEOMETRY, "intensity")
    for seed in range(4):
        sample = Sample(noise(augment.reach(size)))
        varied, plain = vary(augment, sample, size, seed), vary(untouched, sample, size, seed)
        np.testing.assert_array_equal(varied.clean, plain.image)
        same = varied.image == varied.clean
        assert same.mean() > 0.6  # beyond the box not one voxel differs
        assert plain.clean is None


@pytest.mark.parametrize("size", SIZES)
def test_a_clean_copy_that_came_along_is_moved_and_not_degraded(size):
    augment = microscopy(*EVERYTHING)
    reach = augment.reach(size)
    image, clean = noise(reach, seed=1), noise(reach, seed=2)
    varied = vary(augment, Sample(image, clean=clean), size)
    alone = vary(augment, Sample(clean), size)
    np.testing.assert_array_equal(varied.clean, alone.clean)
    assert varied.image.shape == varied.clean.shape
    still = vary(microscopy(), Sample(noise(size, seed=1), clean=noise(size, seed=2)), size)
    np.testing.assert_array_equal(still.clean, noise(size, seed=2))


@pytest.mark.parametrize("off", EVERYTHING)
def test_taking_one_out_leaves_the_draws_of_the_others_alone(off):
    size = (10, 32, 32)
    rest = [name for name in EVERYTHING if name != off]
    both, without = microscopy(*EVERYTHING), microscopy(*rest)
    reach = both.reach(size)
    a, b = (augment._happens(np.random.default_rng(3), 3) for augment in (both, without))
    assert set(a) - set(b) == {off}
    assert all(a[name].random() == b[name].random() for name in rest)
    if off in DEGRADING:
        sample = nuclei(reach)
        one, other = vary(both, sample, size), vary(without, sample, size)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.clean, other.clean)
        assert not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("size", SIZES)
def test_the_same_generator_gives_the_same_sample_and_another_another(size):
    augment = AUGMENTS.get("microscopy")()
    sample = nuclei(augment.reach(size))
    one, again, other = (vary(augment, sample, size, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.labels, again.labels)
    assert not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("size", [*SIZES, *((depth, 32, 32) for depth in (1, 2, 3, 4)), (4, 1, 7)])
@pytest.mark.parametrize("channels", [1, 3])
def test_all_transforms_together_stay_in_range_for_any_size(size, channels):
    augment = microscopy(*EVERYTHING)
    reach = augment.reach(size)
    for seed in range(5):
        image = np.sign(noise(reach, channels, seed))
        varied = vary(augment, Sample(image, (image[0] > 0) * 3), size, seed)
        assert varied.image.shape == varied.clean.shape == (channels, *size)
        assert varied.labels.shape == size and set(np.unique(varied.labels)) <= {0, 3}
        for picture in (varied.image, varied.clean):
            assert picture.dtype == np.float32 and np.isfinite(picture).all()
            assert picture.min() >= -1 and picture.max() <= 1


@pytest.mark.parametrize("level", [-1.0, 1.0])
def test_rounding_does_not_leave_the_range(level, monkeypatch):
    def round_away(array, positions, *, nearest=False):  # as the kernel does, at one voxel of thousands
        return np.nextafter(read(array, positions, nearest=nearest), np.float32(2 * level))

    read = warp.read_planes
    monkeypatch.setattr(warp, "read_planes", round_away)
    size = (4, 20, 20)
    augment = microscopy("elastic", "motion_blur")
    varied = vary(augment, Sample(np.full((1, *augment.reach(size)), level, np.float32)), size)
    assert np.abs(varied.image).max() <= 1 and np.abs(varied.clean).max() <= 1


def test_channels_move_alike():
    augment = microscopy(*GEOMETRY, "missing_parts", "motion_blur", "cut_blur", "intensity")
    size = (10, 32, 32)
    one = noise(augment.reach(size))
    varied = vary(augment, Sample(np.concatenate([one, one])), size)
    np.testing.assert_array_equal(varied.image[0], varied.image[1])


@pytest.mark.parametrize("size", SIZES)
def test_nothing_beyond_the_crop_is_seen(size):
    augment = microscopy("rescale", "elastic", "misalignment", "missing_section")
    reach = augment.reach(size)
    wide = np.broadcast_to(np.linspace(-1, 1, reach[-1], dtype=np.float32), (1, *reach))
    tall = np.broadcast_to(np.linspace(-1, 1, reach[-2], dtype=np.float32)[:, None], (1, *reach))
    for seed in range(40):
        right = np.diff(vary(augment, Sample(wide), size, seed).image, axis=-1)
        down = np.diff(vary(augment, Sample(tall), size, seed).image, axis=-2)
        assert right.min() > 0 and down.min() > 0  # a mirror would turn the slope


def test_a_crop_is_asked_for_no_larger_than_needed():
    paper = AUGMENTS.get("microscopy")()
    assert paper.reach((32, 96, 96)) == (34, 141, 141)  # 95 / 0.8 + 2 * 2.6, then 16 to slip
    assert paper.reach((17, 129, 129)) == (19, 183, 183)  # [2] asks for 19x212x212
    assert paper.reach((96, 96)) == (125, 125)
    assert microscopy("rotate", "flip", "intensity", *DEGRADING).reach((8, 20, 30)) == (8, 20, 30)
    assert microscopy("rescale", scale=(1.2, 1.4)).reach((20, 30)) == (20, 30)
    with pytest.raises(ValueError, match="96"):
        vary(paper, Sample(noise((32, 96, 96))), (32, 96, 96))


def test_missing_sections_are_missing_from_image_and_labels():
    size = (9, 8, 8)
    augment = microscopy("missing_section")
    z = np.broadcast_to(np.arange(11)[:, None, None], (11, 8, 8))
    gaps = set()
    for seed in range(60):
        sample = Sample((z[None] / 20).astype(np.float32), z.astype(np.int32))
        varied = vary(augment, sample, size, seed)
        planes = varied.labels[:, 0, 0]
        np.testing.assert_allclose(varied.image[0, :, 0, 0] * 20, planes, atol=1e-5)
        assert planes[0] == 0 and planes[-1] == 10
        gaps |= set(range(11)) - set(planes.tolist())
    assert gaps == set(range(1, 10))


@pytest.mark.parametrize(("size", "wanted"), [((6, 6), 4), ((6, 8), 2), ((2, 6, 6), 4), ((2, 6, 8), 2)])
def test_turns_are_quarters_where_the_plane_is_square_and_halves_elsewhere(size, wanted):
    image = noise(size)
    seen = {vary(microscopy("rotate"), Sample(image), size, seed).image.tobytes() for seed in range(80)}
    assert len(seen) == wanted
    assert {np.rot90(image, k, axes=(-2, -1)).tobytes() for k in range(0, 4, 4 // wanted)} == seen


@pytest.mark.parametrize(("size", "wanted"), [((6, 6), 8), ((6, 8), 4), ((2, 6, 6), 16), ((2, 6, 8), 8)])
def test_flips_take_every_axis_and_swap_y_and_x_where_the_plane_is_square(size, wanted):
    image = noise(size)
    seen = {vary(microscopy("flip"), Sample(image), size, seed).image.tobytes() for seed in range(300)}
    assert len(seen) == wanted


def test_probabilities_are_kept():
    augment = AUGMENTS.get("microscopy")()
    for dims in (2, 3):
        drawn = [augment._happens(np.random.default_rng(seed), dims) for seed in range(1000)]
        for name, chance in augment.chance.items():
            share = np.mean([name in happens for happens in drawn])
            assert share == pytest.approx(0 if dims == 2 and name not in IN_2D else chance, abs=0.05)


def test_masks_without_image_are_only_cut():
    labels = np.arange(64, dtype=np.int32).reshape(8, 8)
    sample = vary(microscopy(*EVERYTHING), Sample(labels=labels, spacing=(1.0, 1.0)), (4, 4))
    np.testing.assert_array_equal(sample.labels, labels[2:6, 2:6])
    assert sample.spacing == (1.0, 1.0) and sample.image is None


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"rotate": 1.5}, "ROTATE"),
        ({"cut_noise": -0.1}, "CUT_NOISE"),
        ({"missing_parts": float("nan")}, "MISSING_PARTS"),
        ({"scale": (1.25, 0.8)}, "SCALE"),
        ({"scale": (0.0, 1.0)}, "SCALE"),
        ({"coarsen": (0.5, 2.0)}, "COARSEN"),
        ({"elastic_sigma": 0.0}, "ELASTIC_SIGMA"),
        ({"contrast": 1.1}, "CONTRAST"),
        ({"gamma": -1.0}, "GAMMA"),
        ({"planes": -1}, "PLANES"),
        ({"blur_length": 0}, "BLUR_LENGTH"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings, key):
    with pytest.raises(ValueError, match=key):
        microscopy(**settings)
