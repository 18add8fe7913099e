import sys
import time

import numpy as np
import pytest
import torch

from nucleizoo.comparison.profile import metered

CPU = torch.device("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak")
def test_memory_is_that_of_the_work_and_not_of_what_was_there():
    held = np.ones(8_000_000)
    for _ in range(2):  # what was freed is given back in between
        result, _, peak = metered(lambda: float(np.ones(4_000_000).sum()), CPU)
        assert result == 4e6 and 30e6 < peak < 45e6
    assert metered(lambda: None, CPU)[2] < 5e6 and held.size


def test_seconds_are_those_of_the_clock():
    assert 0.05 <= metered(lambda: time.sleep(0.05), CPU)[1] < 1
