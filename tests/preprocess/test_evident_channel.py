"""Nuclei in one of several channels, and stained tissue in colour."""

import numpy as np
import pytest
from support.discs import discs

from nucleizoo.preprocess.evident_channel import evident_channel

RNG = np.random.default_rng(0)
NUCLEI = np.where(discs((120, 140), 14, gap=9) > 0, 200, 12) + RNG.normal(0, 3, (120, 140))
DARK = RNG.normal(9, 3, NUCLEI.shape)
TEXTURE = 120 + 100 * np.sin(np.arange(NUCLEI.size).reshape(NUCLEI.shape) / 37)


def stack(*channels, dtype=np.uint8):
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_nuclei_in_one_colour_are_found(where, dtype):
    channels = [DARK, DARK, DARK]
    channels[where] = NUCLEI
    assert evident_channel(stack(*channels, dtype=dtype)) == str(where)


def test_the_only_channel_of_two_that_shows_anything_is_used():
    assert evident_channel(stack(DARK, NUCLEI)) == "1"
    volume = np.stack([stack(np.zeros_like(DARK), NUCLEI)] * 3)
    assert evident_channel(volume) == "1"


def test_stained_tissue_becomes_grey():
    pink = stack(255 - 0.4 * NUCLEI, 255 - 0.8 * NUCLEI, 255 - 0.3 * NUCLEI)
    assert evident_channel(pink) == "luminance"


@pytest.mark.parametrize("channels", [(NUCLEI, TEXTURE), (DARK, TEXTURE, NUCLEI), (NUCLEI, NUCLEI, NUCLEI)])
def test_two_channels_that_show_something_are_in_doubt(channels):
    assert evident_channel(stack(*channels)) == ""


def test_a_picture_of_one_value_is_in_doubt():
    assert evident_channel(np.zeros((8, 8, 3), np.uint8)) == ""
