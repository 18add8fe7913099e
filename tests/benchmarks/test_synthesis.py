import numpy as np
import pytest

from nucleizoo.ops.synthesis.ellipsoids import place

CASES = {
    "hela": ((256, 256), (13.0, 18.0), (5.0, 40.0)),
    "forty": ((256, 256), (10.0, 13.0), (40.0, 40.0)),
    "scaffold": ((64, 128, 128), (10.0, 15.0), (50.0, 100.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_placing_nuclei(benchmark, case):
    size, semi_axis, count = CASES[case]
    rng = np.random.default_rng(0)
    benchmark(lambda: place(rng, size, semi_axis=semi_axis, count=count))
