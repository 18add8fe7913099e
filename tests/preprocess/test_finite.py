"""Values that are no numbers are told by their place, however a file is read."""

import h5py
import numpy as np
import pytest

from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.io import open_lazily
from nucleizoo.kinds import SCALINGS
from nucleizoo.ops.image.histogram import span_of
from nucleizoo.preprocess import Reader, Values, values
from nucleizoo.preprocess.intensity_range import limits_of

load_plugins()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_distribution_notices_it_in_every_part(value, at):
    parts = [np.linspace(0, 1, 9, dtype=np.float32) for _ in range(3)]
    parts[at][4] = value
    assert not np.isfinite(span_of(parts)).all()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("scaling", ["minmax", "percentile", "dtype"])
@pytest.mark.parametrize("over", ["volume", "image"])
@pytest.mark.parametrize("slab", [2**26, 0])
def test_it_is_told_by_its_place_in_memory_and_part_by_part(tmp_path, monkeypatch, dims, scaling, over, slab):
    monkeypatch.setattr(values, "_READ_BYTES", 2000)
    monkeypatch.setattr(values, "_SLAB_BYTES", slab)
    data = np.random.default_rng(0).random((9, 20, 24)).astype(np.float32)
    data[8, 19, 21] = np.nan  # in the last part
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", data=data, chunks=(4, 16, 16))
    reader = Reader(DataSpec(dims, 1, ()), scaling=SCALINGS.recipe(scaling, over=over))
    volume = open_lazily(tmp_path / "a.h5")
    words = r".*NaN .*z 8, y 19, x 21 .*remove"
    with pytest.raises(ImageReadError, match=rf"a\.h5: {words}"):
        reader.read(tmp_path / "a.h5")
    with pytest.raises(ImageReadError, match=rf"a\.h5:/image: {words}"):
        limits_of(Values(lambda: volume, dims, reader), reader.scaling)
