"""Labels that pass through a target and a decoder as they are, on any voxels."""

from pathlib import Path

import numpy as np
import pytest
from support.naming import names

from nucleizoo import api
from nucleizoo.build import Experiment
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DECODERS, TARGETS

load_plugins()

TOY = Path(__file__).parents[2] / "configs" / "toy" / "adgan_2d.yaml"
TARGET, DECODER = TARGETS.get("labels")(), DECODERS.get("labels")()


def through_bytes(maps):
    """Maps as prediction stores them."""
    return {
        channel.name: channel.from_bytes(channel.to_bytes(one))
        for channel, one in zip(TARGET.channels, maps, strict=True)
    }


@pytest.mark.parametrize("size", [(40, 30), (6, 20, 20)])
def test_touching_and_scattered_nuclei_come_back_numbered_by_their_first_voxel(size):
    given = np.random.default_rng(0).integers(0, 2**24, size, np.int32) * (np.indices(size).sum(0) % 3 > 0)
    given = given.astype(np.int32)
    found = DECODER(through_bytes(TARGET.encode(given)))
    assert found.dtype == np.int32
    _, first, which = np.unique(given, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first[1:])) + 1  # of the nuclei, without 0
    np.testing.assert_array_equal(found, np.concatenate([[0], rank])[which.reshape(size)])


def test_a_label_too_large_for_three_digits_is_refused():
    assert DECODER(through_bytes(TARGET.encode(np.array([[2**24 - 1]], np.int32)))).max() == 1
    with pytest.raises(ValueError) as caught:
        TARGET.encode(np.array([[2**24]], np.int32))
    names(str(caught.value), 2**24 - 1, 2**24)


def test_a_network_is_not_trained_on_numbers():
    pairs = ["METHOD.NAME", "cyclegan", "TARGET.NAME", "labels", "INFERENCE.DECODER.NAME", "labels"]
    with pytest.raises(ConfigError) as caught:
        Experiment.check(api.load_config(TOY, pairs))
    names(str(caught.value), "labels", "cyclegan", "mask", "INFERENCE.DECODER")
