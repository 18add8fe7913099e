import pytest
from support.cuts import CONFIG, Cut, words

from nucleizoo import METHODS, api


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The method 'cut' is on the shelf, for the tests of one file."""
    METHODS.register("cut")(Cut)
    yield
    for names in (METHODS._entries, METHODS._places):
        del names["cut"]


@pytest.fixture(scope="module")
def cut(registered, annotated, tmp_path_factory):
    """What trains a threshold: cut(level, seed, name) gives its run folder."""
    runs = tmp_path_factory.mktemp("runs")

    def train(level, seed, name, *more):
        return api.train(api.load_config(CONFIG, words(annotated, level, seed, *more)), runs / name).path

    return train


@pytest.fixture(scope="module")
def good(cut):
    """Two seeds of a threshold that finds most nuclei."""
    return [cut(-0.4, seed, f"good_seed{seed}") for seed in (1, 2)]


@pytest.fixture(scope="module")
def poor(cut):
    """A threshold that finds the bright ones alone; its name is no HTML."""
    return cut(0.55, 1, "<b>poor|&amp;'")
