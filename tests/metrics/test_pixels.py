import numpy as np
import pytest

from nucleizoo.metrics.pixels import PixelScore, score, summary


def test_shifted_squares_score_by_arithmetic():
    truth, found = np.zeros((20, 20), np.int32), np.zeros((20, 20), bool)
    truth[:10, :10] = 3
    found[:10, 5:20] = True
    result = score(found, truth)
    assert result == PixelScore(tp=50, fp=100, fn=50)
    assert result.precision == pytest.approx(1 / 3)
    assert result.recall == pytest.approx(1 / 2)
    assert result.dice == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [(0, 0, (1, 1, 1)), (1, 0, (0, 0, 0)), (0, 1, (0, 0, 0)), (1, 1, (1, 1, 1))],
)
def test_empty_images_have_defined_scores(found, truth, expected):
    result = score(np.full((4, 4), found), np.full((4, 4), truth))
    assert (result.precision, result.recall, result.dice) == expected


def test_the_mean_and_the_pool_differ():
    result = summary([PixelScore(tp=10, fp=0, fn=0), PixelScore(tp=0, fp=0, fn=30)])
    assert result["dice"] == 0.5
    assert result["dice_pooled"] == pytest.approx(20 / 50)
    assert result["recall_pooled"] == 0.25
    assert result["precision"] == 0.5
    assert result["precision_pooled"] == 1


def test_other_shapes_and_no_images_are_refused():
    with pytest.raises(ValueError, match="shape"):
        score(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="no images"):
        summary([])
