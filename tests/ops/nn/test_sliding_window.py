import numpy as np
import pytest
import torch

from nucleizoo import BLENDINGS
from nucleizoo.ops.nn.sliding_window import cut, extend, fitted, slide, starts, to_multiple


@pytest.mark.parametrize(("length", "window", "overlap"), [
    (10, 10, 0.5), (7, 10, 0.5), (100, 10, 0.0), (101, 10, 0.0), (100, 16, 0.5), (57, 16, 0.75), (5, 1, 0.0),
    (11, 10, 0.99), (33, 32, 0.5),
])  # fmt: skip
def test_windows_cover_an_axis_and_end_at_its_border(length, window, overlap):
    places = starts(length, window, overlap)
    assert places[0] == 0 and places == sorted(set(places))
    assert places[-1] + window == max(length, window)
    steps = np.diff(places)
    assert (steps <= max(1, window * (1 - overlap))).all()  # neighbours share what was asked, or more
    covered = {i for place in places for i in range(place, place + window)}
    assert covered >= set(range(length))


@pytest.mark.parametrize("blending", BLENDINGS.names())
@pytest.mark.parametrize(("shape", "window"), [
    ((20, 31), (8, 8)), ((5, 5), (8, 8)), ((8, 40), (8, 16)), ((6, 20, 30), (4, 16, 8)), ((1, 1), (4, 4)),
])  # fmt: skip
def test_sliding_the_identity_gives_the_image_back(shape, window, blending):
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 2, *shape)).astype(np.float32))
    seen = []

    def predict(tile):
        seen.append(tuple(tile.shape))
        return tile

    result = slide(predict, image, window, blending=BLENDINGS.recipe(blending)().terms())
    assert set(seen) == {(1, 2, *window)}
    torch.testing.assert_close(result, image, atol=1e-6, rtol=0)


def test_where_windows_overlap_they_are_mixed_by_their_tents():
    values = iter([1.0, 5.0])
    result = slide(lambda tile: torch.full_like(tile, next(values)), torch.zeros(1, 1, 6), (4,), 0.5)
    # windows at 0 and 2, tents 1/2 1 1 1/2: at 2 the first has weight 1, the second 1/2
    mixed = [1, 1, (1 * 1 + 0.5 * 5) / 1.5, (0.5 * 1 + 1 * 5) / 1.5, 5, 5]
    np.testing.assert_allclose(result[0, 0], mixed, rtol=1e-6)


def test_the_result_has_the_channels_of_the_prediction_in_float32():
    image = torch.zeros(1, 1, 20, 20)
    result = slide(lambda tile: tile.repeat(1, 3, 1, 1).bfloat16() + 1, image, (8, 8))
    assert result.shape == (1, 3, 20, 20) and result.dtype == torch.float32 and (result == 1).all()


def test_extension_mirrors_at_the_far_ends_as_often_as_needed():
    image = torch.arange(6.0).reshape(1, 1, 2, 3)
    grown = extend(image, (5, 8))
    np.testing.assert_array_equal(grown[0, 0], np.pad(image[0, 0], ((0, 3), (0, 5)), mode="symmetric"))
    torch.testing.assert_close(cut(grown, (2, 3)), image)
    assert extend(image, (1, 1)) is image


@pytest.mark.parametrize("shape", [(30, 37), (32, 40), (1, 5), (3, 9, 10)])
def test_padding_to_a_multiple(shape):
    image = torch.zeros(1, 1, *shape)
    grown = to_multiple(image, 8).shape[2:]
    assert all(new == max(16, old + -old % 8) for new, old in zip(grown, shape, strict=True))


@pytest.mark.parametrize("overlap", [0.0, 0.125, 0.5])
@pytest.mark.parametrize(("window", "divisor"), [(64, 16), (64, 1), (50, 16), (8, 16)])
def test_a_fitted_window_covers_an_image_in_as_many_steps(overlap, window, divisor):
    for length in (*range(1, 70), 100, 614, 1024, 6000):
        (made,) = fitted((window,), (length,), overlap, divisor)
        assert made <= window
        assert made == window or (made % divisor == 0 and made < length + 2 * divisor)
        assert len(starts(length, made, overlap)) == len(starts(length, window, overlap))


def test_an_image_a_little_larger_than_the_window_is_seen_in_windows_of_half_of_it():
    assert fitted((512, 512), (614, 200), 0.125, 16) == (336, 208)


def test_wrong_windows_and_overlaps_are_refused():
    image = torch.zeros(1, 1, 20, 20)
    with pytest.raises(ValueError, match=r"WINDOW \(8, 8, 8\) .*\b3 axes.*\b2\b"):
        slide(lambda tile: tile, image, (8, 8, 8))
    for overlap in (-0.1, 1.0):
        with pytest.raises(ValueError, match="OVERLAP"):
            slide(lambda tile: tile, image, (8, 8), overlap)
