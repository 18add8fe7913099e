import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nucleizoo import BLENDINGS
from nucleizoo.blockwise.maps.map_store import MapStore
from nucleizoo.blockwise.maps.network import NetworkMaps
from nucleizoo.blockwise.maps.sliding_window import slide_column
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.contracts import Channel
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.nn.sliding_window import slide


def network(tiles):
    """Two maps that differ from window to window at the same place."""
    where = torch.linspace(0, 1, tiles.shape[-1])
    return torch.cat([tiles * where, tiles.square() + where.flip(0)], dim=1)


def collected(picture, window, overlap, columns=((),), blending="linear", **settings):
    tiling = Tiling(picture.shape[1:], window, overlap, BLENDINGS.recipe(blending)().terms())
    made = np.full((2, *picture.shape[1:]), np.nan, np.float32)
    for cuts in columns:
        column = cuts or tuple(slice(0, n) for n in picture.shape[2:])
        for box, maps in slide_column(
            network, lambda b: picture[(slice(None), *b)], tiling, column, **settings
        ):
            assert np.isnan(made[(slice(None), *box)]).all()
            made[(slice(None), *box)] = maps
    return made


@pytest.mark.parametrize(
    ("shape", "window", "overlap"),
    [
        ((37, 50), (16, 12), 0.5),
        ((37, 50), (64, 20), 0.25),
        ((5, 9), (8, 16), 0.5),
        ((20, 21, 30), (8, 10, 16), 0.5),
        ((3, 21, 30), (8, 10, 16), 0.0),
        ((20, 21, 9), (8, 10, 16), 0.7),
    ],
)
@pytest.mark.parametrize("blending", BLENDINGS.names())
def test_a_volume_streamed_through_is_what_it_is_in_memory(shape, window, overlap, blending):
    picture = np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32)
    wanted = slide(
        network, torch.from_numpy(picture)[None], window, overlap, BLENDINGS.recipe(blending)().terms()
    )[0].numpy()
    whole = collected(picture, window, overlap, blending=blending)
    np.testing.assert_allclose(whole, wanted, atol=1e-6)
    halves = [(slice(0, n // 2), slice(n // 2, n)) for n in shape[1:]]
    columns = itertools.product(*halves)
    np.testing.assert_array_equal(collected(picture, window, overlap, columns, blending, batch=3), whole)


def test_what_is_done_already_is_not_given_again_and_changes_nothing():
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 37, 20)).astype(np.float32)
    whole = collected(picture, (8, 8), 0.6)
    for done in (1, 5, 20, 36):
        rest = collected(picture, (8, 8), 0.6, done=done)
        assert np.isnan(rest[:, :done]).all()
        np.testing.assert_array_equal(rest[:, done:], whole[:, done:])


def units_of(tmp_path, picture, tiling, unit):
    """A step that predicts a picture in regions, its network counting the windows."""
    seen = SimpleNamespace(volume=SimpleNamespace(skipped=[]), newly_skipped=[])
    windows = []

    def counted(tiles):
        windows.append(len(tiles))
        return (network(tiles) + 3) / 8

    channels = (Channel("one", "sigmoid"), Channel("two", "sigmoid"))
    files = MapStore(tmp_path, channels, Grid(tiling.shape, unit))
    return NetworkMaps(counted, lambda box: picture[(slice(None), *box)], seen, tiling, files, 1), windows


def test_units_in_any_order_give_the_same_maps_and_in_turn_predict_no_row_twice(tmp_path):
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 20, 21, 30)).astype(np.float32)
    tiling, unit = Tiling((20, 21, 30), (8, 10, 16), 0.5), (7, 11, 30)
    everything = (slice(0, 20), slice(0, 21), slice(0, 30))
    step, windows = units_of(tmp_path / "a", picture, tiling, unit)
    in_turn = list(step.missing())
    assert in_turn == [0, 2, 4, 1, 3, 5]
    for index in in_turn:
        step.do(index)
    assert len(windows) == step.windows(reuse=True) < step.windows(reuse=False)
    other, windows = units_of(tmp_path / "b", picture, tiling, unit)
    for index in (5, 0, 3, 1, 4, 2):
        other.do(index)
    assert len(windows) == step.windows(reuse=False) and not list(other.missing())
    one, two = step.store.read(everything), other.store.read(everything)
    whole = (collected(picture, tiling.window, 0.5) + 3) / 8
    for name, wanted in zip(("one", "two"), whole, strict=True):
        np.testing.assert_array_equal(one[name], two[name])
        np.testing.assert_allclose(one[name], wanted, atol=0.51 / 255)
