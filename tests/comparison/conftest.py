import pytest
from cuts import CONFIG, PLUGIN, words

from nucleizoo import api


@pytest.fixture(scope="session")
def cut(annotated, tmp_path_factory):
    """What trains a threshold: cut(level, seed, name) gives its run folder."""
    runs = tmp_path_factory.mktemp("runs")

    def train(level, seed, name, *more):
        config = api.load_config(CONFIG, words(annotated, level, seed, *more), [PLUGIN])
        return api.train(config, runs / name).path

    return train


@pytest.fixture(scope="session")
def good(cut):
    """Two seeds of a threshold that finds most nuclei."""
    return [cut(-0.4, seed, f"good_seed{seed}") for seed in (1, 2)]


@pytest.fixture(scope="session")
def poor(cut):
    """A threshold that finds the bright ones alone; its name is no HTML."""
    return cut(0.55, 1, "<b>poor|&amp;'")
