import numpy as np
import pytest
from support.shapes import bars

from nucleizoo.metrics import overlap
from nucleizoo.metrics.overlap import Overlap


def test_sizes_names_and_shared_voxels_of_bars():
    table = Overlap.of(bars((3, 0, 10), (8, 20, 24)), bars((9, 5, 22)))
    assert table.found_names.tolist() == [3, 8] and table.true_names.tolist() == [9]
    assert table.found_sizes.tolist() == [10, 4] and table.true_sizes.tolist() == [17]
    assert (table.found.tolist(), table.true.tolist(), table.shared.tolist()) == ([0, 1], [0, 0], [5, 2])
    np.testing.assert_allclose(table.iou, [5 / 22, 2 / 19])
    assert table.inside_found.tolist() == table.inside_true.tolist() == [False, False]


@pytest.mark.parametrize("dense", [0, overlap.DENSE])
@pytest.mark.parametrize("spread", [1, 2**24])
def test_all_ways_of_counting_agree(monkeypatch, dense, spread):
    monkeypatch.setattr(overlap, "DENSE", dense)
    rng = np.random.default_rng(0)
    prediction, truth = rng.integers(0, 100, (2, 50, 60)).astype(np.int32)
    table = Overlap.of(prediction * spread, truth)
    for p, t, shared in zip(table.found, table.true, table.shared, strict=True):
        assert shared == np.sum((prediction == p + 1) & (truth == t + 1))
    assert table.shared.sum() == np.sum((prediction > 0) & (truth > 0))
    assert table.found_names.tolist() == [i * spread for i in range(1, 100)]


def test_nothing_shares_nothing():
    for prediction, truth in ((bars(), bars((1, 0, 4))), (bars((2**30, 0, 4)), bars()), (bars(), bars())):
        table = Overlap.of(prediction, truth)
        assert table.shared.size == table.iou.size == 0
        assert table.found_names.size == int(prediction.any()) and table.true_names.size == int(truth.any())
