import numpy as np
import pytest

from nucleizoo.ops.grid import Grid, inside, size
from nucleizoo.ops.labels.block_components import Pieces, join, pieces
from nucleizoo.ops.labels.components import label


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("shape", "block"), [((9, 11), (4, 3)), ((9, 11), (1, 1)), ((5, 7, 6), (2, 3, 6))])
def test_joined_pieces_are_the_parts_of_the_whole_numbers_included(shape, block, full):
    rng = np.random.default_rng(0)
    for share in (0.2, 0.4, 0.6):
        mask, grid = rng.random(shape) < share, Grid(shape, block)
        cut = [pieces(mask[grid.shell(i)], grid, i, full=full) for i in range(len(grid))]
        stored = [part.packed("a") for _, part in cut]
        joined = join(grid, (Pieces.unpacked("a", part, len(shape)) for part in stored))
        whole = label(mask, full=full)
        for i, (found, _) in enumerate(cut):
            np.testing.assert_array_equal(joined.table(i)[found], whole[grid.shell(i)])
        sizes = np.bincount(whole.ravel())
        np.testing.assert_array_equal(joined.sizes[1:], sizes[1:])
        for number, first in enumerate(joined.first[1:], start=1):
            assert first == np.flatnonzero(whole == number)[0]


def test_blocks_without_pieces_join_to_none():
    grid = Grid((4, 4), (2, 2))
    joined = join(grid, (pieces(np.zeros((3, 3), bool)[: 3 - i // 2], grid, i)[1] for i in range(1)))
    assert joined.sizes.tolist() == [0] and joined.table(0).tolist() == [0]


def test_blocks_cover_an_array_once_and_know_their_neighbours():
    grid = Grid((7, 5, 4), (3, 5, 3))
    seen = np.zeros(grid.shape, int)
    for i in range(len(grid)):
        seen[grid.box(i)] += 1
        assert list(grid.touching(grid.box(i))) == [i]
        assert all(n - m in (0, 1) for n, m in zip(size(grid.shell(i)), size(grid.box(i)), strict=True))
        for axis in range(3):
            if (behind := grid.after(i, axis)) is not None:
                assert grid.box(behind)[axis].start == grid.box(i)[axis].stop
    assert (seen == 1).all() and len(grid) == 6
    around = grid.grown(grid.box(0), (1, 1, 9))
    assert around == (slice(0, 4), slice(0, 5), slice(0, 4)) and set(grid.touching(around)) == {0, 1, 2, 3}
    assert inside(grid.box(2), grid.grown(grid.box(2), (2, 0, 1)))[0] == slice(2, 5)
