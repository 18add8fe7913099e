"""What a process takes for its own memory."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory cannot be told here")
def test_the_memory_of_a_process_is_not_that_of_its_parent():
    held = bytearray(b"x") * 900_000_000
    words = [sys.executable, "-c", "from nucleizoo.large._memory import peak; print(peak())"]
    told = float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert 1e7 < told < len(held) * 0.9
