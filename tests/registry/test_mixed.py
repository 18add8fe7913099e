import numpy as np
import pytest

from nucleizoo.checks.datasets import drawn
from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.core.errors import ConfigError
from nucleizoo.kinds import DATASETS


def mixed(annotated, share, **parts):
    """The labelled images of a folder and rendered nuclei."""
    labelled = DATASETS.recipe("labelled", images="images", labels="labels")
    spec = DataSpec(2, root=annotated, size=(32, 32))
    return DATASETS.recipe("mixed", share=share, **{"first": labelled, **parts})(spec)


@pytest.mark.parametrize(("share", "part"), [(1.0, "first"), (0.0, "second")])
def test_at_either_end_all_samples_are_of_one_dataset(annotated, share, part):
    dataset = mixed(annotated, share)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rng.random()  # the draw of the dataset
        expected = getattr(dataset, part).sample(rng, (32, 32))
        sample = dataset.sample(np.random.default_rng(seed), (32, 32))
        assert np.array_equal(sample.image, expected.image)
        assert np.array_equal(sample.labels, expected.labels)


def test_the_share_is_the_probability_of_the_first(annotated, monkeypatch):
    class Constant(Dataset):
        def __init__(self, value):
            self.value = value

        def sample(self, rng, size):
            return Sample(np.full((1, *size), self.value, np.float32), np.zeros(size, np.int32))

    dataset, rng = mixed(annotated, 0.3), np.random.default_rng(0)
    dataset.first, dataset.second = Constant(1.0), Constant(0.0)
    for draw in (dataset.sample, dataset.sample_at_most):
        ones = sum(draw(rng, (1, 1)).image.item() for _ in range(2000))
        assert abs(ones / 2000 - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2000)  # four standard deviations


def test_a_sample_is_the_same_for_the_same_generator(annotated):
    assert drawn(mixed(annotated, 0.5), 1, (32, 32)) == drawn(mixed(annotated, 0.5), 1, (32, 32))


def test_a_part_without_pictures_or_labels_is_refused(annotated):
    with pytest.raises(ValueError, match="SECOND 'synthetic' has no image"):
        mixed(annotated, 0.5, second=DATASETS.recipe("synthetic"))
    with pytest.raises(ValueError, match="FIRST 'images' has no labels"):
        mixed(annotated, 0.5, first=DATASETS.recipe("images", path="images"))
    with pytest.raises(ValueError, match=r"SHARE must be from 0 to 1, got 1\.1"):
        mixed(annotated, 1.1)
    with pytest.raises(ConfigError, match="no dataset is called 'labeled'"):
        mixed(annotated, 0.5, first=DATASETS.recipe("labeled"))
