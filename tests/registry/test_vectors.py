"""Targets and decoders of vectors: labels come back, and what contradicts itself is dropped."""

import numpy as np
import pytest
import torch
from support.naming import names

from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DECODERS, MAP_LOSSES, TARGETS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.image.resize import linear
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()

KINDS = ("flow", "embedding")


def maps_of(kind, labels, spacing=()):
    target = TARGETS.get(kind)()
    return dict(zip(target.names, target.encode(labels, spacing), strict=True))


def crowd(size, seed=0):
    return place(np.random.default_rng(seed), size, semi_axis=(6, 10), count=(60, 60), gap=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(90, 110), (20, 48, 48)])
def test_touching_nuclei_come_back_voxel_for_voxel(kind, size):
    labels = crowd(size)
    sizes = np.bincount(labels.ravel())
    found = DECODERS.get(kind)(min_size=15)(maps_of(kind, labels))
    pairs = {tuple(pair) for pair in np.stack([labels.ravel(), found.ravel()], 1)}
    lost = sum((labels == a).sum() for a, b in pairs if a and not b)
    assert lost <= sizes[sizes < 40].sum()  # slivers at the border
    large = np.flatnonzero(sizes >= 40)[1:]
    for number in large:
        values, counts = np.unique(found[labels == number], return_counts=True)
        best = values[counts.argmax()]
        assert best and counts.max() >= 0.99 * sizes[number]
        assert (found == best).sum() <= 1.01 * sizes[number] + 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_has_no_vectors_along_z(kind):
    maps = maps_of(kind, crowd((40, 50)))
    assert [maps[channel].any() for channel in TARGETS.get(kind)().names] == [True, False, True, True]


def test_offsets_point_to_the_middle_in_pixels_also_where_planes_are_far_apart():
    labels = np.zeros((5, 9, 11), np.int32)
    labels[1:4, 2:7, 3:8] = 1
    maps = maps_of("embedding", labels, (2.0, 1.0, 1.0))
    assert [maps[f"offset_{axis}"][1, 2, 7] * 32 for axis in "zyx"] == [2, 2, -2]
    assert [maps[f"offset_{axis}"][2, 4, 5] for axis in "zyx"] == [0, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_maps_on_finer_voxels_give_the_same_nuclei(kind):
    """The network sees cubes; the file has twice as many pixels, and half as many planes."""
    labels = crowd((24, 32, 32), seed=3)
    shape = (12, 64, 64)
    fine = {name: linear(one, shape, blur=False) for name, one in maps_of(kind, labels).items()}
    found = DECODERS.get(kind)(radius=12, min_size=60)(fine, Voxels(3, (4.0, 1.0, 1.0), (2.0, 0.5, 0.5)))
    sizes = np.bincount(labels.ravel())
    seen = found[:, ::2, ::2]
    for number in np.flatnonzero(sizes > 200)[1:]:
        inside = labels[::2] == number
        best = np.bincount(seen[inside]).argmax()
        assert best and (seen[inside] == best).mean() > 0.7


def test_a_nucleus_that_contradicts_its_flow_is_dropped():
    labels = np.zeros((40, 80), np.int32)
    labels[10:30, 10:30], labels[10:30, 50:70] = 1, 2
    maps = maps_of("flow", labels)
    turned = maps["flow_y"][:, 40:].copy()
    maps["flow_y"][:, 40:] = maps["flow_x"][:, 40:] * 0.6 + turned * 0.8  # turned by a third of a right angle
    maps["flow_x"][:, 40:] = maps["flow_x"][:, 40:] * 0.8 - turned * 0.6
    wrong = 2 - 2 * 0.8
    keep = DECODERS.get("flow")(max_error=wrong + 0.1)(maps)
    drop = DECODERS.get("flow")(max_error=wrong - 0.1)(maps)
    assert keep.max() == 2 and drop.max() == 1 and not drop[:, 40:].any()
    assert DECODERS.get("flow")(max_error=0)(maps).max() == 2


def test_two_nuclei_within_the_bandwidth_of_each_other_are_one():
    labels = np.zeros((12, 40), np.int32)
    labels[2:10, 4:12], labels[2:10, 12:20] = 1, 2  # middles 8 pixels apart
    maps = maps_of("embedding", labels)
    counts = [DECODERS.get("embedding")(bandwidth=b)(maps).max() for b in (2.0, 4.0, 12.0)]
    assert counts == [2, 2, 1]


def test_a_halo_is_taken_away_and_a_gap_closed():
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 10:30] = 1
    maps = maps_of("embedding", labels)
    maps["probability"][20, 20] = 0
    shrunk = DECODERS.get("embedding")(grow=2.0, shrink=5.0, fill_holes=False)(maps)
    inside = np.zeros_like(labels)
    inside[13:27, 13:27] = 1
    np.testing.assert_array_equal(shrunk[10:30, 13:27], inside[10:30, 13:27])
    assert shrunk.sum() == 14 * 14


def test_the_loss_of_cellpose_is_by_channel():
    """Half the mean squared error of five times the flow, and cross entropy, worked out by hand."""
    target = TARGETS.get("flow")()
    maps = torch.from_numpy(target.encode(crowd((24, 32))))[None]
    logits = torch.randn(1, 4, 24, 32, generator=torch.Generator().manual_seed(0))
    logits[:, 1] = 0  # no z
    flow, truth = logits[:, 2:].tanh(), maps[:, 2:]
    wanted = ((5 * flow - 5 * truth) ** 2).mean() / 2
    wanted = wanted + torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], maps[:, 0])
    loss = MAP_LOSSES.get("by_channel")(bce=1, dice=0, balance=False, mse=6.25)
    torch.testing.assert_close(loss(logits, maps, target), wanted)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [("flow", "foreground", 1.0), ("flow", "radius", 0.0), ("flow", "min_size", -1), ("flow", "steps", 0),
     ("flow", "max_error", -1.0), ("embedding", "bandwidth", 0.0), ("embedding", "shrink", -1.0)],
)  # fmt: skip
def test_settings_out_of_range_are_named(kind, key, value):
    with pytest.raises(ValueError) as caught:
        DECODERS.get(kind)(**{key: value})
    names(str(caught.value), key.upper(), value)
