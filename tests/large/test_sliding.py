import itertools

import numpy as np
import pytest
import torch

from nucleizoo.large._sliding import slide_column
from nucleizoo.large._tiling import Tiling
from nucleizoo.ops.windows import slide


def network(tiles):
    """Two maps that differ from window to window at the same place."""
    where = torch.linspace(0, 1, tiles.shape[-1])
    return torch.cat([tiles * where, tiles.square() + where.flip(0)], dim=1)


def collected(picture, window, overlap, columns=((),), **settings):
    tiling = Tiling(picture.shape[1:], window, overlap)
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
def test_a_volume_streamed_through_is_what_it_is_in_memory(shape, window, overlap):
    picture = np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32)
    wanted = slide(network, torch.from_numpy(picture)[None], window, overlap)[0].numpy()
    whole = collected(picture, window, overlap)
    np.testing.assert_allclose(whole, wanted, atol=1e-6)
    halves = [(slice(0, n // 2), slice(n // 2, n)) for n in shape[1:]]
    columns = itertools.product(*halves)
    np.testing.assert_array_equal(collected(picture, window, overlap, columns, batch=3), whole)


def test_what_is_done_already_is_not_given_again_and_changes_nothing():
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 37, 20)).astype(np.float32)
    whole = collected(picture, (8, 8), 0.6)
    for done in (1, 5, 20, 36):
        rest = collected(picture, (8, 8), 0.6, done=done)
        assert np.isnan(rest[:, :done]).all()
        np.testing.assert_array_equal(rest[:, done:], whole[:, done:])
