from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import stats

from nucleizoo import build
from nucleizoo.api import load_config
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ConfigError, UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DATASETS, SCALINGS

load_plugins()
AS_IT_IS = SCALINGS.recipe("dtype")


@pytest.fixture
def domains(tmp_path):
    """Two labelled domains of noise, float in [0, 1]: 'low' is even over [0, 0.5], 'high' heaps up at 1."""
    rng = np.random.default_rng(0)
    for name, draw in (("low", lambda n: n / 2), ("high", np.sqrt)):
        for part in ("images", "labels"):
            (tmp_path / name / part).mkdir(parents=True)
        for i in range(3):
            picture = draw(rng.random((60, 70))).astype(np.float32)
            tifffile.imwrite(tmp_path / name / "images" / f"{i}.tif", picture)
            tifffile.imwrite(tmp_path / name / "labels" / f"{i}.tif", (picture > 0.25).astype(np.uint8))
    return tmp_path


def folder(name):
    return DATASETS.recipe("images", path=f"{name}/images", scaling=AS_IT_IS)


def pairs(name):
    places = {"images": f"{name}/images", "labels": f"{name}/labels"}
    return DATASETS.recipe("labelled", **places, scaling=AS_IT_IS)


def data_spec(root):
    return DataSpec(2, root=root, size=(40, 40))


def pictures(source, count=40):
    return np.stack([source.sample(np.random.default_rng(i), (40, 40)).image for i in range(count)])


def test_intensities_take_on_the_distribution_of_the_reference(domains):
    matched = DATASETS.recipe("matched", source=pairs("low"), reference=folder("high"))(data_spec(domains))
    wanted = pictures(folder("high")(data_spec(domains)))
    assert stats.ks_2samp(pictures(matched).ravel(), wanted.ravel()).statistic < 0.02
    # even over [0, 1/2] to a square root of even: x becomes sqrt(2 x), in closed form
    raw = (pictures(pairs("low")(data_spec(domains))) + 1) / 2
    np.testing.assert_allclose((pictures(matched) + 1) / 2, np.sqrt(2 * raw), atol=0.02)


def test_labels_and_places_stay(domains):
    plain = pairs("low")(data_spec(domains))
    matched = DATASETS.recipe("matched", source=pairs("low"), reference=folder("high"))(data_spec(domains))
    one, two = (s.sample(np.random.default_rng(5), (30, 30)) for s in (plain, matched))
    np.testing.assert_array_equal(one.labels, two.labels)
    assert (np.argsort(one.image.ravel()) == np.argsort(two.image.ravel())).mean() > 0.99


def test_the_other_direction_maps_the_images_and_back(domains):
    there = DATASETS.recipe("matched_images", source=folder("high"), reference=pairs("low"))(
        data_spec(domains)
    )
    sample = there.sample(np.random.default_rng(0), (40, 40))
    assert sample.labels is None and there.gives == {"image"}
    raw = (pictures(folder("high")(data_spec(domains))) + 1) / 2
    np.testing.assert_allclose((pictures(there) + 1) / 2, raw**2 / 2, atol=0.02)


def test_the_table_is_the_same_every_time(domains):
    part = DATASETS.recipe("matched_images", source=folder("high"), reference=folder("low"))
    np.testing.assert_array_equal(
        pictures(part(data_spec(domains)), 3), pictures(part(data_spec(domains)), 3)
    )


def test_simulated_domains_are_matched_too():
    law = {"semi_axis": (5.0, 7.0), "count": (8.0, 8.0)}
    em, exm = (DATASETS.recipe(name, **law) for name in ("simulated_em", "simulated_exm"))
    space = DataSpec(2, size=(48, 48))
    matched = DATASETS.recipe("matched", source=em, reference=exm)(space)
    fresh, wanted = (np.stack([s.sample(np.random.default_rng(i), (48, 48)).image for i in range(40)])
                     for s in (matched, exm(space)))  # fmt: skip
    assert stats.ks_2samp(fresh.ravel(), wanted.ravel()).statistic < 0.05


def config(root, image):
    toy = Path(__file__).parents[2] / "configs" / "toy" / "adgan_2d.yaml"
    return load_config(toy, ["DATASET.ROOT", str(root), "DATASET.IMAGE", image])


def test_prediction_reads_new_files_through_the_same_table(domains, tmp_path):
    image = (
        "{NAME: matched_images, SOURCE: {NAME: images, PATH: high/images, ZOOM: [2], SCALING: {NAME: dtype}},"
        " REFERENCE: {NAME: images, PATH: low/images, SCALING: {NAME: dtype}}}"
    )
    made = build.reader(config(domains, image))
    source = build.image_dataset(config(domains, image))
    file = domains / "high" / "images" / "1.tif"
    (scan,) = made.read(file)
    assert scan.image.shape == (1, 120, 140)  # the zoom of the wrapped source
    seen = source.source.read(file)[0].image
    np.testing.assert_allclose(scan.image, source.table(seen), atol=1e-6)
    assert scan.image.max() <= 0.01 < seen.max()
    (look,) = made.looks(file)
    assert look.shape == (60, 70) and 0 <= look.min() and look.max() <= 0.51


def test_a_part_without_pictures_or_labels_is_refused(domains):
    with pytest.raises(ValueError, match=r"SOURCE 'images' .*no labels"):
        DATASETS.recipe("matched", source=folder("low"), reference=folder("high"))(data_spec(domains))
    with pytest.raises(ValueError, match=r"REFERENCE 'synthetic' .*no image"):
        DATASETS.recipe("matched", source=pairs("low"), reference=DATASETS.recipe("synthetic"))(
            data_spec(domains)
        )
    with pytest.raises(ValueError, match="DRAWS"):
        DATASETS.recipe("matched", source=pairs("low"), reference=folder("high"), draws=0)(data_spec(domains))
    with pytest.raises(ConfigError, match=r"DATASET\.IMAGE 'matched_images': SOURCE 'synthetic' .*no image"):
        build.reader(config(domains, "{NAME: matched_images, SOURCE: {NAME: synthetic}}"))


def test_prediction_says_that_it_needs_both_domains(domains):
    parts = "SOURCE: {NAME: images, PATH: low/images}, REFERENCE: {NAME: images, PATH: gone}"
    with pytest.raises(UserError, match=r"gone: .*DATASET\.IMAGE\.SOURCE .*DATASET\.IMAGE\.REFERENCE"):
        build.reader(config(domains, f"{{NAME: matched_images, {parts}}}"))
