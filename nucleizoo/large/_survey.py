"""The first look at every block: parts of the foreground, seeds, and who stands where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.large._labelled import Labelled
from nucleizoo.large._look import Look, Seen
from nucleizoo.large._stage import Stage
from nucleizoo.ops.flood import height_range
from nucleizoo.ops.grid import Box, size
from nucleizoo.ops.pieces import Joined, Pieces, join, pieces


@dataclass(frozen=True, eq=False)
class Survey:
    """What is known of a volume once every block was looked at.

    Attributes:
        stage: what was found, block by block.
        parts: of the foreground.
        seeds: all of them; None when the parts are the nuclei.
        links: (2, n), the seeds and the parts that they have voxels in.
        low: the lowest place of the landscape within the foreground.
        high: the highest one.
    """

    stage: Stage
    parts: Joined
    seeds: Joined | None
    links: NDArray[np.int64]
    low: np.float32
    high: np.float32

    def labelled(self, name: str) -> Labelled:
        """'parts' or 'seeds' as labels of the volume."""
        joined = self.parts if name == "parts" else self.seeds
        assert joined is not None
        return Labelled.joined(self.stage, name, joined)


Note = Callable[[Box, NDArray[np.int32], Seen], dict[str, NDArray[Any]]]
"""A block, its seeds and what was seen in it -> what else to keep."""


def look_at_blocks(
    stage: Stage, look: Look, *, full_parts: bool = False, full_seeds: bool = False, note: Note | None = None
) -> Iterator[int]:
    """Survey the blocks that were not yet; yields each when it is on disk.

    Args:
        stage: to keep what is found.
        look: what is found.
        full_parts: whether voxels that share only a corner are one part.
        full_seeds: whether they are one seed.
        note: what else to keep of seeds.
    """
    for index in range(len(stage.grid)):
        if stage.has(index):
            continue
        seen, grid = look.seen(stage.grid.shell(index)), stage.grid
        core = tuple(slice(0, n) for n in size(grid.box(index)))
        parts, of_parts = pieces(seen.mask, grid, index, full=full_parts)
        arrays, labels = of_parts.packed("parts"), {"parts": parts[core]}
        if seen.seeds is not None and seen.height is not None:
            seeds, of_seeds = pieces(seen.seeds, grid, index, full=full_seeds)
            arrays |= of_seeds.packed("seeds")
            arrays["links"] = pairs(seeds[core], parts[core])
            arrays["range"] = np.array(height_range(seen.height[core], seen.mask[core]), np.float32)
            labels["seeds"] = seeds[core]
            if note is not None:
                arrays |= note(grid.box(index), seeds[core], seen.cut(core))
        stage.write(index, arrays, labels)
        yield index


def put_together(stage: Stage, *, seeded: bool) -> Survey:
    """What `look_at_blocks` found, as parts and seeds of the whole volume."""
    grid = stage.grid
    parts = join(grid, (_pieces(stage, index, "parts") for index in range(len(grid))))
    if not seeded:
        return Survey(stage, parts, None, np.zeros((2, 0), np.int64), np.float32(0), np.float32(0))
    seeds = join(grid, (_pieces(stage, index, "seeds") for index in range(len(grid))))
    links, low, high = [], np.float32(np.inf), np.float32(-np.inf)
    for index in range(len(grid)):
        with stage.read(index) as file:
            own, here = file["links"], file["range"]
        links.append(np.stack([seeds.table(index)[own[0]], parts.table(index)[own[1]]]))
        low, high = min(low, here[0]), max(high, here[1])
    return Survey(stage, parts, seeds, np.unique(np.concatenate(links, axis=1), axis=1), low, high)


def pairs(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int64]:
    """The different pairs of labels (*S) that stand on one voxel, where neither is 0: (2, n)."""
    both = (one > 0) & (other > 0)
    span = np.int64(other.max(initial=0)) + 1
    found = np.unique(one[both] * span + other[both])
    return np.stack(np.divmod(found, span))


def _pieces(stage: Stage, index: int, name: str) -> Pieces:
    with stage.read(index) as file:
        return Pieces.unpacked(name, file, len(stage.grid.shape))


def bounds(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around what is True in a mask (*S) that is not empty."""
    box = []
    for axis in range(mask.ndim):
        there = np.flatnonzero(mask.any(tuple(a for a in range(mask.ndim) if a != axis)))
        box.append(slice(int(there[0]), int(there[-1]) + 1))
    return tuple(box)
