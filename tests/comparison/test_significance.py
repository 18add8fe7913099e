import itertools

import numpy as np
import pytest
from scipy import stats

from nucleizoo.comparison.significance import FEWEST, Spread, compared, holm, signed_rank


def enumerated(differences):
    """The two-sided p of a signed-rank test, by writing down all signs."""
    differences = [d for d in differences if d]
    ranks = stats.rankdata(np.abs(differences))
    seen = sum(rank for rank, d in zip(ranks, differences, strict=True) if d > 0)
    sums = [sum(r for r, up in zip(ranks, signs, strict=True) if up)
            for signs in itertools.product((0, 1), repeat=len(ranks))]  # fmt: skip
    tails = np.mean([s <= seen for s in sums]), np.mean([s >= seen for s in sums])
    return min(1.0, 2 * min(tails))


@pytest.mark.parametrize("count", [6, 9, 40, 300])
def test_without_ties_p_is_that_of_scipy(count):
    rng = np.random.default_rng(count)
    a, b = rng.random(count), rng.random(count) - 0.1
    assert signed_rank(a, b) == pytest.approx(stats.wilcoxon(a, b, method="exact").pvalue)


@pytest.mark.parametrize("seed", range(5))
def test_with_ties_and_zeros_p_counts_all_signs(seed):
    differences = np.random.default_rng(seed).integers(-3, 5, 11)
    a = np.full(11, 0.3)
    assert signed_rank(a + differences / 7, a) == pytest.approx(enumerated(differences.tolist()))


def test_nothing_differs_without_a_difference_but_rounding():
    a = np.full(8, 0.1)
    assert signed_rank(a, a) == signed_rank(a + 0.2, np.full(8, 0.3)) == 1


def test_six_images_are_the_fewest_that_can_show_anything():
    assert signed_rank([1] * FEWEST, [0] * FEWEST) == 2 / 2**FEWEST < 0.05 < 2 / 2 ** (FEWEST - 1)
    assert compared([1.0] * 5, [0.0] * 5).p is None
    test = compared([1, 1, 1, 0, 0.5, 0.5], [0, 0, 0, 1, 0.5, 0.5])
    assert (test.better, test.worse, test.images) == (3, 1, 6) and test.difference == pytest.approx(1 / 3)


def test_holm_multiplies_the_smallest_by_all_and_never_turns_the_order():
    assert holm([0.2, 0.01, 0.011, 0.9]) == pytest.approx([0.4, 0.04, 0.04, 0.9])
    assert holm([0.5, 0.6]) == [1.0, 1.0] and holm([]) == []


def test_the_deviation_is_that_of_a_sample_and_one_seed_has_none():
    assert Spread.of([1.0, 3.0]) == Spread(2.0, pytest.approx(2**0.5))
    assert Spread.of([0.7]) == Spread(0.7, None)
