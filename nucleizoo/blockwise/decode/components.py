"""Connected components of the foreground and of the seeds, and which seed is in which component."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.decode.label_volume import ComponentLabels
from nucleizoo.blockwise.decode.landscape import LandscapeReader
from nucleizoo.blockwise.state.block_store import BlockStep, BlockStore
from nucleizoo.ops.grid import Box, size
from nucleizoo.ops.labels.block_components import Joined, Pieces, join, pieces
from nucleizoo.ops.labels.watershed import height_range

CONTESTED = -2
"""Owner of a component that holds several seeds."""

SelectSeeds = Callable[[BlockStore, Joined], NDArray[np.bool_]]
"""What was stored per block, and the seeds of the volume -> which seeds to keep, (n + 1,)."""

MeasureSeeds = Callable[[Box, NDArray[np.int32], NDArray[np.float32]], dict[str, NDArray[Any]]]
"""A block, its seed labels and the height of its landscape -> measurements to store with it."""


class Components(BlockStep):
    """The step that labels foreground and seeds.

    Attributes:
        foreground: its connected components.
        seeds: those of the seeds, where the landscape has any.

    Args:
        store: for the results.
        landscape: foreground and seeds.
        select: which seeds to keep; None when the components themselves are the nuclei.
        keep_rest: whether components without a seed are objects, too.
        full_foreground: whether foreground voxels that share only a corner are connected.
        full_seeds: whether seed voxels that share only a corner are connected.
        measure: what else to store about seeds.
    """

    def __init__(
        self, store: BlockStore, landscape: LandscapeReader, select: SelectSeeds | None = None, *,
        keep_rest: bool = False, full_foreground: bool = False, full_seeds: bool = False,
        measure: MeasureSeeds | None = None,
    ) -> None:  # fmt: skip
        self.store, self.landscape, self.select, self.keep_rest = store, landscape, select, keep_rest
        self.full_foreground, self.full_seeds, self.measure = full_foreground, full_seeds, measure
        self.foreground, self.seeds = ComponentLabels(store, "foreground"), ComponentLabels(store, "seeds")

    def do(self, index: int) -> None:
        """Label one block."""
        grid = self.store.grid
        landscape = self.landscape.read(grid.shell(index))
        core = tuple(slice(0, n) for n in size(grid.box(index)))
        found, known = pieces(landscape.mask, grid, index, full=self.full_foreground)
        arrays, labels = known.packed("foreground"), {"foreground": found[core]}
        if landscape.seeds is not None and landscape.height is not None:
            seeds, known = pieces(landscape.seeds, grid, index, full=self.full_seeds)
            labels["seeds"] = seeds[core]
            both = (seeds[core] > 0) & (found[core] > 0)
            arrays |= known.packed("seeds")
            arrays["links"] = unique_pairs(seeds[core][both], found[core][both])
            height = landscape.height[core]
            arrays["range"] = np.array(height_range(height, landscape.mask[core]), np.float32)
            if self.measure is not None:
                arrays |= self.measure(grid.box(index), seeds[core], height)
        self.store.write(index, arrays, labels)

    def join(self) -> None:
        """Merge components and seeds across blocks, and assign seeds to components."""
        if self.store.is_joined:
            return
        foreground = join(self.store.grid, pieces_in(self.store, "foreground"))
        tables = foreground.packed("foreground")
        if self.select is not None:
            seeds = join(self.store.grid, pieces_in(self.store, "seeds"))
            links, range_ = self._links(foreground, seeds)
            chosen = self.select(self.store, seeds)
            owner = _owners(links, chosen, len(foreground.sizes), self.keep_rest)
            tables |= {**seeds.packed("seeds"), "chosen": chosen, "owner": owner, "range": range_}
        self.store.keep(tables)

    def table(self, name: str) -> NDArray[Any]:
        """A table of the whole volume, where there are seeds.

        'chosen' (seeds + 1,) bool, which seeds are kept; 'owner' (components + 1,) int32, per component the
        number of its seed, `CONTESTED`, a number of its own above those of all seeds, or 0; 'range' (2,),
        lowest and highest value of the landscape within the foreground.
        """
        return self.store.table(name)

    def _links(self, foreground: Joined, seeds: Joined) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Pairs of a seed and a component that share voxels, (2, n); and the range of the landscape."""
        links, low, high = [], np.float32(np.inf), np.float32(-np.inf)
        for index in range(len(self)):
            with self.store.read(index) as file:
                own, here = file["links"], file["range"]
            links.append(np.stack([seeds.table(index)[own[0]], foreground.table(index)[own[1]]]))
            low, high = min(low, here[0]), max(high, here[1])
        return np.unique(np.concatenate(links, axis=1), axis=1), np.array([low, high], np.float32)


def pieces_in(store: BlockStore, name: str) -> Iterator[Pieces]:
    """The stored components of each block, in order."""
    for index in range(len(store)):
        with store.read(index) as file:
            yield Pieces.unpacked(name, file, len(store.grid.shape))


def unique_pairs(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int64]:
    """The different pairs of two flat arrays, sorted: (2, n).

    Example:
        >>> unique_pairs(np.array([3, -1, 3]), np.array([5, 2, 5])).tolist()
        [[-1, 3], [2, 5]]
    """
    low = np.int64(other.min(initial=0))
    span = np.int64(other.max(initial=0)) - low + 1
    first, second = np.divmod(np.unique(one.astype(np.int64) * span + (other - low)), span)
    return np.stack([first, second + low])


def _owners(
    links: NDArray[np.int64], chosen: NDArray[np.bool_], components: int, keep_rest: bool
) -> NDArray[np.int32]:
    """Per component the number of its seed, `CONTESTED`, a number of its own, or 0."""
    seeds, places = links[:, chosen[links[0]]]
    owner = np.zeros(components, np.int32)
    owner[places] = seeds
    seeded = np.bincount(places, minlength=components)
    owner[seeded > 1] = CONTESTED
    if keep_rest:
        rest = np.flatnonzero(seeded == 0)[1:]
        owner[rest] = chosen.size - 1 + np.arange(1, rest.size + 1)
    return owner
