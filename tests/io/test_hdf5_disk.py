"""A disk that is full while a result is written."""

import subprocess
import sys

import pytest

FILLED = '''
"""Write labels that do not pack well where files may have so many bytes, each time a few more; then all."""
import resource, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from nucleizoo.cli.arguments import guarded
from nucleizoo.blockwise.write.formats import FORMATS
from nucleizoo.blockwise.write.result import Result

place, *limits = sys.argv[1:]
voxels = np.random.default_rng(0).integers(0, 2**30, (16, 64, 64), np.int32)
labels = SimpleNamespace(count=2**30, read=lambda box: voxels[box])
result = Result(lambda: labels, voxels.shape, (), (4, 64, 64), lambda: [], Path(place))

def write(kind, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    FORMATS[kind].write(Path(place) / f"a.{kind}", result)
    return 0

codes = [guarded(lambda: write(kind, int(limit))) for kind in ("tif", "h5") for limit in limits]
print(*codes, *Path(place).iterdir())
for kind in ("tif", "h5"):
    write(kind, resource.RLIM_INFINITY)
sys.exit(codes[-1])
'''


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit for files")
def test_the_process_ends_with_a_message_and_its_code(tmp_path):
    limits = [0, 100, 2_000, 2_100, 5_000, 70_000, 150_000, 190_000]
    words = [sys.executable, "-c", FILLED, str(tmp_path), *map(str, limits)]
    done = subprocess.run(words, capture_output=True, text=True)
    times = 2 * len(limits)
    assert (done.returncode, done.stderr) == (2, "error: File too large\n" * times)
    assert done.stdout.split() == ["2"] * times
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.tif"]
