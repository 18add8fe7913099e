"""The first look at every block: parts of the foreground, seeds, and who stands where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.label_volume import Parts
from nucleizoo.blockwise.decode.landscape import Look, Seen
from nucleizoo.blockwise.state.block_store import OfBlocks, Stage
from nucleizoo.ops.grid import Box, size
from nucleizoo.ops.labels.block_components import Joined, Pieces, join, pieces
from nucleizoo.ops.labels.watershed import height_range

SEVERAL = -2
"""Stands for the seed of a part that has more than one."""

Choose = Callable[[Stage, Joined], NDArray[np.bool_]]
"""What was found in blocks, and the seeds of the volume -> which of them count, (n + 1,)."""

Note = Callable[[Box, NDArray[np.int32], Seen], dict[str, NDArray[Any]]]
"""A block, its seeds and what was seen in it -> what else to keep."""


class Survey(OfBlocks):
    """What is known of a volume once every block was looked at.

    Attributes:
        parts: of the foreground.
        seeds: all of them, where there are seeds.

    Args:
        stage: to keep what is found.
        look: what is found.
        choose: which seeds count; None when the parts are the nuclei.
        keep_rest: whether parts without a seed are objects too.
        full_parts: whether voxels that share only a corner are one part.
        full_seeds: whether they are one seed.
        note: what else to keep of seeds.
    """

    def __init__(
        self, stage: Stage, look: Look, choose: Choose | None = None, *,
        keep_rest: bool = False, full_parts: bool = False, full_seeds: bool = False, note: Note | None = None,
    ) -> None:  # fmt: skip
        self.stage, self.look, self.choose, self.keep_rest = stage, look, choose, keep_rest
        self.full_parts, self.full_seeds, self.note = full_parts, full_seeds, note
        self.parts, self.seeds = Parts(stage, "parts"), Parts(stage, "seeds")

    def do(self, index: int) -> None:
        """Look at one block."""
        seen, grid = self.look.seen(self.stage.grid.shell(index)), self.stage.grid
        core = tuple(slice(0, n) for n in size(grid.box(index)))
        parts, of_parts = pieces(seen.mask, grid, index, full=self.full_parts)
        arrays, labels = of_parts.packed("parts"), {"parts": parts[core]}
        if seen.seeds is not None and seen.height is not None:
            seeds, of_seeds = pieces(seen.seeds, grid, index, full=self.full_seeds)
            arrays |= of_seeds.packed("seeds")
            arrays["links"] = pairs(seeds[core], parts[core])
            arrays["range"] = np.array(height_range(seen.height[core], seen.mask[core]), np.float32)
            labels["seeds"] = seeds[core]
            if self.note is not None:
                arrays |= self.note(grid.box(index), seeds[core], seen.cut(core))
        self.stage.write(index, arrays, labels)

    def join(self) -> None:
        """Number the parts and seeds of the whole volume, and give every part its seed."""
        if self.stage.is_joined:
            return
        parts = self._joined("parts")
        tables = parts.packed("parts")
        if self.choose is not None:
            seeds = self._joined("seeds")
            links, range_ = self._linked(parts, seeds)
            chosen = self.choose(self.stage, seeds)
            owner = _owners(links, chosen, len(parts.sizes), self.keep_rest)
            tables |= {**seeds.packed("seeds"), "chosen": chosen, "owner": owner, "range": range_}
        self.stage.keep(tables)

    def table(self, name: str) -> NDArray[Any]:
        """What is known where there are seeds.

        'chosen' (seeds + 1,) bool, which seeds count; 'owner' (parts + 1,) int32, for every part the number
        of its seed, `SEVERAL`, its own number behind those of all seeds, or 0; 'range' (2,), the lowest and
        the highest place of the landscape within the foreground.
        """
        return self.stage.table(name)

    def _joined(self, name: str) -> Joined:
        return join(self.stage.grid, pieces_in(self.stage, name))

    def _linked(self, parts: Joined, seeds: Joined) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The seeds and the parts that they have voxels in, (2, n); and the range of the landscape."""
        links, low, high = [], np.float32(np.inf), np.float32(-np.inf)
        for index in range(len(self)):
            with self.stage.read(index) as file:
                own, here = file["links"], file["range"]
            links.append(np.stack([seeds.table(index)[own[0]], parts.table(index)[own[1]]]))
            low, high = min(low, here[0]), max(high, here[1])
        return np.unique(np.concatenate(links, axis=1), axis=1), np.array([low, high], np.float32)


def pieces_in(stage: Stage, name: str) -> Iterator[Pieces]:
    """The pieces of all blocks, one after the other."""
    for index in range(len(stage)):
        with stage.read(index) as file:
            yield Pieces.unpacked(name, file, len(stage.grid.shape))


def pairs(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int64]:
    """The different pairs of labels (*S) that stand on one voxel, where neither is 0: (2, n)."""
    both = (one > 0) & (other > 0)
    span = np.int64(other.max(initial=0)) + 1
    found = np.unique(one[both] * span + other[both])
    return np.stack(np.divmod(found, span))


def _owners(
    links: NDArray[np.int64], chosen: NDArray[np.bool_], parts: int, keep_rest: bool
) -> NDArray[np.int32]:
    """For every part the number of its seed, `SEVERAL`, or its own number."""
    seeds, places = links[:, chosen[links[0]]]
    owner = np.zeros(parts, np.int32)
    owner[places] = seeds
    seeded = np.bincount(places, minlength=parts)
    owner[seeded > 1] = SEVERAL
    if keep_rest:
        rest = np.flatnonzero(seeded == 0)[1:]
        owner[rest] = chosen.size - 1 + np.arange(1, rest.size + 1)
    return owner
