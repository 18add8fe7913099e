import numpy as np
import pytest

from nucleizoo.kinds import SCALINGS

RAMP = np.arange(1000).reshape(10, 10, 10)


@pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "u4", "f4", "f8", "i8"])
@pytest.mark.parametrize("offset", [0, 31000])
def test_minmax_is_a_straight_line(dtype, offset):
    found = SCALINGS.recipe("minmax")()((RAMP + offset).astype(dtype))
    assert found.dtype == np.float32 and found.min() == 0 and found.max() == 1
    assert np.abs(found - RAMP / 999).max() < 1e-6


@pytest.mark.parametrize(
    ("dtype", "offset"), [("u2", 64000), ("u4", 2**32 - 2000), ("i4", -(2**31)), ("f8", 1e12)]
)
@pytest.mark.parametrize("name", ["minmax", "percentile"])
def test_a_large_offset_costs_no_precision(dtype, offset, name):
    scaling = SCALINGS.recipe(name)()
    raw = (RAMP + np.array(offset).astype(np.int64)).astype(dtype)
    assert np.abs(scaling(raw) - scaling(RAMP.astype(np.uint16))).max() < 2e-6


def test_each_plane_has_its_own_range_over_images():
    found = SCALINGS.recipe("minmax", over="image")()(RAMP)
    assert np.allclose(found.min(axis=(1, 2)), 0) and np.allclose(found.max(axis=(1, 2)), 1)


def test_percentiles_saturate_hot_pixels():
    raw = np.arange(10000.0).reshape(100, 100)
    raw[-1, -1] = 1e9
    found = SCALINGS.recipe("percentile", low=1.0, high=99.0)()(raw)
    assert np.median(found) == pytest.approx(0.5, abs=1e-3)
    assert np.mean(found == 0) == pytest.approx(0.01, abs=1e-3)
    assert np.mean(found == 1) == pytest.approx(0.01, abs=1e-3)


def test_dtype_divides_by_the_largest_value():
    scaling = SCALINGS.recipe("dtype")()
    assert scaling(np.array([[0, 51, 255]], np.uint8))[0] == pytest.approx([0, 0.2, 1])
    assert scaling(np.array([[0, 13107]], np.uint16))[0, 1] == pytest.approx(0.2)
    assert scaling(np.array([[0.25, 0.5]])).tolist() == [[0.25, 0.5]]


@pytest.mark.parametrize("values", [[0, 1.5], [-0.1, 1], [0, np.nan]])
def test_dtype_wants_floats_between_0_and_1(values):
    with pytest.raises(ValueError, match=r"'dtype' .*'minmax'"):
        SCALINGS.recipe("dtype")()(np.array([values]))


def test_inverted_dark_is_bright():
    assert SCALINGS.recipe("minmax", invert=True)()(np.array([[0, 1, 4]])).tolist() == [[1, 0.75, 0]]


def test_gamma_lifts_dim_values():
    scaling = SCALINGS.recipe("minmax", gamma=0.5)()
    assert scaling.curve(scaling(np.array([[0, 1, 4]]))).tolist() == [[0, 0.5, 1]]


def test_asinh_is_straight_for_dim_values_and_a_logarithm_for_bright_ones():
    curve = SCALINGS.recipe("minmax", asinh=0.01)().curve
    dim = curve(np.array([0.0, 0.0001, 0.0002, 1.0], np.float32))
    assert dim[0] == 0 and dim[3] == pytest.approx(1)
    assert dim[2] == pytest.approx(2 * dim[1], rel=1e-3)
    tens = curve(np.array([0.1, 0.2, 0.4], np.float32))
    assert tens[2] - tens[1] == pytest.approx(tens[1] - tens[0], rel=1e-2)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("name", ["minmax", "percentile"])
@pytest.mark.parametrize("values", [[3, 3], [0, np.inf], [0, np.nan]])
def test_no_range_is_an_error(name, values):
    with pytest.raises(ValueError, match=r"contrast|not finite"):
        SCALINGS.recipe(name, **({"low": 0.0, "high": 100.0} if name == "percentile" else {}))()(
            np.array([values])
        )


@pytest.mark.parametrize("bounds", [(50, 50), (-1, 99), (1, 101)])
def test_percentiles_out_of_range_are_refused(bounds):
    with pytest.raises(ValueError, match="LOW and HIGH"):
        SCALINGS.recipe("percentile", low=bounds[0], high=bounds[1])()
