import numpy as np
import pytest

from nucleizoo.ops.image.intensity import dtype_range, luminance, min_max_range, percentile_range


def test_the_ranges_of_a_ramp_are_known():
    ramp = np.arange(1001, dtype=np.uint16).reshape(7, 143) + 33000
    assert min_max_range(ramp) == (33000, 34000)
    assert percentile_range(ramp, 0.1, 99.9) == pytest.approx((33001, 33999))
    assert percentile_range(ramp, 0, 100) == (33000, 34000)


def test_a_nan_shows_in_every_range():
    broken = np.array([0.0, np.nan, 1.0], np.float32)
    assert np.isnan(min_max_range(broken)).all() and np.isnan(percentile_range(broken, 1, 99)).all()


@pytest.mark.parametrize(
    ("dtype", "high"), [(np.uint8, 255), (np.uint16, 65535), (np.int16, 32767), (np.float32, 1), (bool, 1)]
)
def test_the_range_of_a_type_starts_at_zero(dtype, high):
    assert dtype_range(dtype) == (0, high)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_luminance_weighs_green_most_and_keeps_grey(dtype):
    primaries = np.eye(3, dtype=dtype) * 100
    assert luminance(primaries) == pytest.approx(
        [21.25, 71.54, 7.21], abs=0.51 if dtype != np.float32 else 1e-4
    )
    grey = np.repeat(np.arange(200, dtype=dtype)[:, None], 3, axis=1)
    assert luminance(grey).dtype == dtype
    assert luminance(grey) == pytest.approx(np.arange(200), rel=1e-6)


def test_luminance_wants_three_channels():
    with pytest.raises(ValueError, match="3 channels"):
        luminance(np.zeros((5, 4)))
