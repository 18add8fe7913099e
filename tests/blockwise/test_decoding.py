"""Decoding by blocks gives what decoding at once gives, voxel for voxel."""

import itertools
import re

import numpy as np
import pytest
from scipy import ndimage
from support.naming import names

from nucleizoo.blockwise.decode.decoding import Decoding, check_rules
from nucleizoo.blockwise.plan.budget import Budget, Costs
from nucleizoo.blockwise.step import run_steps
from nucleizoo.checks.toys import has_rules
from nucleizoo.core.errors import UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.image.geometry import Voxels

load_plugins()


def field(rng, shape, scale, levels=255):
    """A smooth random map in [0, 1] in steps, its values spread evenly: half of it above 1/2."""
    rough = ndimage.gaussian_filter(rng.standard_normal(shape), scale)
    rank = np.argsort(np.argsort(rough, axis=None)).reshape(shape) / rough.size
    return (np.rint(rank * levels) / levels).astype(np.float32)


def reader(maps):
    return lambda box: {name: one[box] for name, one in maps.items()}


def by_blocks(folder, decoder, maps, block, margin=2, budget=Budget(), spacing=()):
    shape = next(iter(maps.values())).shape
    grid = Grid(shape, block)
    rules = check_rules(decoder.rules(Voxels(len(shape), spacing)))
    decoding = Decoding(rules, reader(maps), grid, folder, (margin,) * len(shape), budget)
    for _ in run_steps(decoding.steps):
        pass
    decoded = decoding.labels()
    labels = np.zeros(shape, np.int32)
    for index in range(len(grid)):
        labels[grid.box(index)] = decoded.read(grid.box(index))
    assert decoded.count == labels.max()
    return labels


CASES = [
    ("bc", {"seed_binary": 0.8, "foreground": 0.3, "min_seed": 3, "seed_contour": 0.7}),
    ("bc", {"seed_binary": 0.7, "foreground": 0.6, "min_seed": 1, "min_size": 12, "connectivity": "face"}),
    (
        "bcd",
        {"seed_binary": 0.6, "foreground": 0.1, "seed_distance": 0.2, "min_seed": 2, "landscape": "distance"},
    ),
    ("peaks", {"radius": 3.0, "smooth": 0.7, "least": -0.5, "min_size": 4}),
    ("peaks", {"radius": 1.0, "smooth": 0.0, "height": 0.0, "foreground": 0.3}),
    ("ternary", {"min_size": 5}),
    ("ternary", {"foreground": 0.2, "core": 0.9, "keep_coreless": False, "smooth": 0.0}),
    ("components", {"foreground": 0.6, "connectivity": "full", "min_size": 9, "smooth": 0.7}),
    ("components", {"foreground": 0.4, "split": 4.0}),
    ("flow", {"radius": 2.0, "min_size": 4, "steps": 6, "max_error": 1.5}),
    ("embedding", {"radius": 2.0, "min_size": 4, "bandwidth": 1.0, "grow": 1.0, "shrink": 1.5}),
]


@pytest.mark.parametrize(("shape", "block", "all_levels"), [
    ((40, 50), (16, 20), [255]), ((19, 50), (5, 50), [3]), ((9, 20, 18), (5, 11, 10), [3, 255]),
])  # fmt: skip
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_blocks_give_the_labels_of_the_whole(tmp_path, name, settings, shape, block, all_levels):
    decoder = DECODERS.get(name)(**settings)
    for levels in all_levels:  # few levels make ties, and seeds that whole blocks lie between
        rng = np.random.default_rng(levels)
        maps = {channel: field(rng, shape, 1.2, levels) for channel in sorted(decoder.reads)}
        for channel in maps.keys() - {"binary", "contour", "mask", "probability", "ternary"}:
            maps[channel] = maps[channel] * 2 - 1
        whole = decoder(maps)
        assert whole.any()
        np.testing.assert_array_equal(by_blocks(tmp_path / str(levels), decoder, maps, block), whole)


@pytest.mark.parametrize(("name", "settings"), CASES[-2:])
def test_blocks_see_far_enough_to_follow_vectors(tmp_path, name, settings):
    """The middle block reads a part of the array: all that its vectors, and those that meet them, need."""
    decoder, rng = DECODERS.get(name)(**settings), np.random.default_rng(4)
    maps = {channel: field(rng, (260, 24), 2.0) * 2 - 1 for channel in sorted(decoder.reads)}
    maps["probability"] = np.abs(maps["probability"]) ** 0.5
    whole = decoder(maps)
    assert 2 * decoder.rules(Voxels(2)).reach[0] + 60 < 260 and whole.max() > 20
    np.testing.assert_array_equal(by_blocks(tmp_path, decoder, maps, (60, 24)), whole)


@pytest.mark.parametrize("block", [(64, 64), (9, 64), (8, 7)])
def test_rings_in_rings_fill_as_in_the_whole_however_blocks_cut_them(tmp_path, block):
    y, x = np.mgrid[:64, :64]
    radius = np.hypot(y - 33, x - 30)
    rings = ((radius < 29) & (radius > 25)) | ((radius < 20) & (radius > 14)) | (radius < 5)
    rings[33, 25:] = False  # the outer two are open to the right, the disc is cut in two
    rings[4:20, 4:20] |= np.hypot(y - 12, x - 12)[4:20, 4:20] < 6
    for opened in (rings, rings | (radius < 29) & (radius > 25)):
        maps = {"mask": opened.astype(np.float32)}
        decoder = DECODERS.get("components")(fill_holes=True)
        found = by_blocks(tmp_path / str(opened.sum()), decoder, maps, block)
        np.testing.assert_array_equal(found, decoder(maps))


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("name", [one for one in DECODERS.names() if has_rules(DECODERS.get(one))])
def test_nothing_and_everything_are_the_same_by_blocks(tmp_path, name, value):
    decoder = DECODERS.get(name)()
    maps = {channel: np.full((5, 6, 7), value, np.float32) for channel in decoder.reads}
    np.testing.assert_array_equal(by_blocks(tmp_path, decoder, maps, (3, 6, 3)), decoder(maps))


def test_a_front_from_far_away_is_followed_home(tmp_path):
    """One seed at either end of a corridor: the middle block is flooded with all of it around."""
    maps = {"binary": np.full((3, 90), 0.9, np.float32), "contour": np.zeros((3, 90), np.float32)}
    maps["binary"][:, [0, 89]] = 1
    decoder = DECODERS.get("bc")(seed_binary=0.95, min_seed=1)
    found = by_blocks(tmp_path / "a", decoder, maps, (3, 10), margin=1)
    np.testing.assert_array_equal(found, decoder(maps))
    assert (found == 1).sum() == (found == 2).sum() == 3 * 45


def test_the_memory_that_is_asked_for_leads_to_the_end(tmp_path):
    maps = {"binary": np.full((3, 90), 0.9, np.float32), "contour": np.zeros((3, 90), np.float32)}
    maps["binary"][:, [0, 89]] = 1
    decoder = DECODERS.get("bc")(seed_binary=0.95, min_seed=1)
    told, amount, advice = [], 1.5, decoder.less_memory
    while len(told) < 9:
        budget = Budget(amount * 1e9, taken=3e8, costs=Costs(1e7), advice=advice)
        try:
            found = by_blocks(tmp_path, decoder, maps, (3, 10), margin=1, budget=budget)
            break
        except UserError as error:
            told.append(str(error))
            amount = float(re.search(r"--max-memory\D*(\d+\.\d+) .*--resume", told[-1])[1])
    names(told[0], "(0, 18)", "seeds", "3x52", "INFERENCE.DECODER.FOREGROUND", advice)
    assert amount <= 3.1  # 0.3 and 3 x 90 voxels
    np.testing.assert_array_equal(found, decoder(maps))


def test_a_step_goes_on_where_it_stopped(tmp_path):
    decoder = DECODERS.get("ternary")()
    maps = {"ternary": field(np.random.default_rng(0), (20, 30), 1.5)}
    grid = Grid((20, 30), (10, 10))
    told = []
    for stop in range(3, 100, 5):
        decoding = Decoding(decoder.rules(Voxels(2)), reader(maps), grid, tmp_path, (2, 2))
        told += list(itertools.islice(run_steps(decoding.steps), stop))
    assert sorted(told) == sorted(set(told))
    np.testing.assert_array_equal(by_blocks(tmp_path, decoder, maps, (10, 10)), decoder(maps))


def test_the_library_s_watershed_is_refused(tmp_path):
    decoder = DECODERS.get("ternary")(watershed="skimage")
    with pytest.raises(UserError) as caught:
        by_blocks(tmp_path, decoder, {"ternary": np.zeros((4, 4), np.float32)}, (2, 2))
    names(caught.value, "INFERENCE.DECODER", "'frontier'", "'skimage'")
