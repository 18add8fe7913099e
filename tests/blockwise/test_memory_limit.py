"""What a process takes for its own memory."""

import math
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.naming import names

from nucleizoo.blockwise.maps.volume import sampled
from nucleizoo.blockwise.plan.budget import DECODING, Budget, Costs, Reading
from nucleizoo.blockwise.plan.plan import plan
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.io import LazyVolume
from nucleizoo.ops.image.resize import Resizing
from nucleizoo.preprocess import Reader


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory cannot be told here")
def test_the_memory_of_a_process_is_not_that_of_its_parent():
    held = bytearray(b"x") * 900_000_000
    words = [sys.executable, "-c", "from nucleizoo.ops.memory import peak; print(peak())"]
    told = float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert 1e7 < told < len(held) * 0.9


@pytest.mark.parametrize("shape", [(255, 2048, 2048), (64, 300, 9000), (3000, 5000), (10, 12, 14)])
@pytest.mark.parametrize("costs", [Costs(DECODING, 5.0, 28.0), Costs(150.0, 800.0, 900.0)])
def test_a_plan_takes_what_it_says_and_what_is_asked_for_is_enough(shape, costs):
    window = (16, 128, 128)[-len(shape) :]
    settings = {"window": window, "step": window}

    def planned(gigabytes):
        budget = Budget(gigabytes * 1e9, 5e8, costs)
        made = plan(Resizing(shape, shape), (2.0, 1.0, 1.0)[-len(shape) :], budget, **settings)
        looked_at = math.prod(b + 2 * m for b, m in zip(made.block, made.margin, strict=True))
        assert 5e8 + costs.decoding * looked_at <= made.memory <= gigabytes * 1e9
        return made

    with pytest.raises(UserError, match=r"--max-memory .*\b0\.4 GB.*\b0\.50 GB") as told:
        planned(0.4)
    least = float(re.findall(r"\d+\.?\d*", str(told.value))[-1])
    assert planned(least).memory <= planned(4 * least).memory
    with pytest.raises(UserError, match=r"--max-memory .*raise .*INFERENCE\.WINDOW"):
        planned(least / 1.02 - 0.1)


def test_a_block_is_no_narrower_than_what_its_decoder_sees_around_it():
    shape, costs = (64, 900, 900), Costs(DECODING, 5.0, 28.0)
    settings = {"window": (16, 128, 128), "step": (16, 128, 128)}
    near, far = (
        plan(Resizing(shape, shape), (1.0, 1.0, 1.0), Budget(4e9, 5e8, costs), reach=reach, **settings)
        for reach in ((3, 3, 3), (90, 90, 90))
    )
    assert near.margin == (16, 16, 16) and far.margin == (90, 90, 90)
    assert max(far.block) < max(near.block) and far.memory <= 4e9


@pytest.mark.parametrize(("windows", "rows"), [(1, 2), (100, 2), (400 * 3, 3), (400 * 7.5, 7), (1e9, 16)])
def test_regions_are_cut_along_the_first_axis_for_as_few_windows_as_are_wanted(windows, rows):
    """Rows of 20 x 20 steps; never less than a window, of two rows, or more than eight."""
    shape, costs = (1000, 1280, 1280), Costs(DECODING, 5.0, 28.0)
    settings = {"window": (16, 128, 128), "step": (8, 64, 64)}
    made = plan(
        Resizing(shape, shape), (2.0, 1.0, 1.0), Budget(1e10, 5e8, costs), windows=windows, **settings
    )
    assert made.region[1:] == shape[1:]
    cuts = math.ceil(1000 / (8 * rows))
    assert made.region[0] == 8 * math.ceil(1000 / cuts / 8)


def test_chunks_that_are_decoded_count_and_are_named_where_they_are_too_large():
    shape, window = (64, 2048, 2048), (16, 128, 128)
    reading = Reading(1e9, 1.5e9, "a.h5", "its chunks of 64x2048x2048", "store it in smaller ones")

    def planned(limit, **more):
        budget = Budget(limit, 4e8, Costs(DECODING, 6.0, 28.0), **more)
        return plan(Resizing(shape, shape), (1.0, 1.0, 1.0), budget, window=window, step=window)

    assert planned(0.9e9).memory <= 0.9e9
    with pytest.raises(UserError) as told:
        planned(0.9e9, reading=reading)
    names(told.value, "a.h5", reading.cause, "1.50 GB", "0.40", "--max-memory", "0.9", reading.advice)
    enough = float(re.findall(r"\d+\.?\d*", str(told.value))[-1]) * 1e9
    assert 1.9e9 <= planned(enough, reading=reading).memory <= enough
    with pytest.raises(UserError, match=r"--max-memory .*raise .*INFERENCE\.WINDOW"):
        planned(0.41e9, reading=reading)


def test_no_chunk_is_decoded_to_look_at_a_file_that_takes_more_than_is_allowed(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", data=np.ones((500, 600), "u1"), chunks=(500, 600), compression="gzip")
    assert sampled(tmp_path / "a.h5", Reader(DataSpec(2)), limit=6e5).data.shape == (500, 600, 1)
    monkeypatch.setattr(LazyVolume, "read", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ImageReadError, match=r"a\.h5.* 500x600 take 600\.0 kB .*--max-memory"):
        sampled(tmp_path / "a.h5", Reader(DataSpec(2)), limit=5e5)
