import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from nucleizoo.ops.image.histogram_matching import Table


def test_a_distribution_becomes_the_other_one():
    rng = np.random.default_rng(0)
    values, reference = rng.normal(5, 2, 50_000), rng.exponential(1, 40_000)
    fresh = rng.normal(5, 2, 50_000).astype(np.float32)
    mapped = Table.matching(values, reference)(fresh)
    assert stats.ks_2samp(mapped, reference).statistic < 0.015
    # the quantile function of an exponential of a normal's distribution function, in closed form
    exact = -np.log(stats.norm(5, 2).sf(fresh))
    middle = np.abs(fresh - 5) < 3
    np.testing.assert_allclose(mapped[middle], exact[middle], atol=0.05)


def test_matching_a_distribution_to_itself_changes_nothing():
    values = np.random.default_rng(0).random(10_000).astype(np.float32)
    np.testing.assert_allclose(Table.matching(values, values)(values), values, atol=1e-6)


def test_a_straight_change_of_contrast_is_found_and_undone():
    values = np.random.default_rng(0).normal(0, 1, 5000).astype(np.float32)
    table = Table.matching(values, 3 * values + 7)
    np.testing.assert_allclose(table(values), 3 * values + 7, atol=1e-4)
    back = Table.matching(table(values), values)
    np.testing.assert_allclose(back(table(values)), values, atol=1e-4)


def test_equal_values_stay_equal_and_become_the_mean_of_their_share():
    values = np.repeat([0.0, 1.0], [600, 400])
    table = Table.matching(values, np.linspace(0, 1, 1001))
    assert table(np.array([0.0, 1.0], np.float32)) == pytest.approx([0.3, 0.8], abs=0.002)


def test_beyond_its_ends_a_table_is_constant():
    table = Table.matching(np.linspace(0, 1, 50), np.linspace(-1, 1, 50))
    assert table(np.array([-9, 0, 1, 9], np.float32)).tolist() == [-1, -1, 1, 1]


def test_one_value_becomes_the_mean_of_the_reference():
    table = Table.matching(np.full(9, 4.0), np.linspace(0, 1, 101))
    assert table(np.array([4.0, 5.0], np.float32)) == pytest.approx([0.5, 0.5])


floats = st.floats(-10, 10, width=32)


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float32, st.integers(1, 40), elements=floats),
    arrays(np.float32, st.integers(1, 40), elements=floats),
)
def test_a_table_never_falls_and_stays_within_the_reference(values, reference):
    table = Table.matching(values, reference)
    assert (np.diff(table.raw) > 0).all() and (np.diff(table.made) >= -1e-9).all()
    mapped = table(np.sort(values).reshape(1, -1))
    assert mapped.shape == (1, values.size) and mapped.dtype == np.float32
    assert reference.min() - 1e-5 <= mapped.min() and mapped.max() <= reference.max() + 1e-5
