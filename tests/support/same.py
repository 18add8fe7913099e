"""Two states compared to the bit."""

from nucleizoo.checks.same import difference


def assert_same(one, other, path="state"):
    """Equal to the bit, whatever is nested in whatever."""
    where = difference(one, other, path)
    assert not where, where
