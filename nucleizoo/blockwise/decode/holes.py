"""Hole filling in a volume larger than memory: background that one object encloses becomes part of it.

Objects and components of the background are the nodes of a graph, shared faces are its edges, and one more
node is everything outside the volume. An object encloses what its removal cuts off from that node.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from nucleizoo.blockwise.decode.components import pieces_in, unique_pairs
from nucleizoo.blockwise.decode.label_volume import ComponentLabels, LabelVolume
from nucleizoo.blockwise.state.block_store import BlockStep, BlockStore
from nucleizoo.ops.grid import Box, Grid, size
from nucleizoo.ops.labels.block_components import Joined, join, pieces


class Holes(BlockStep):
    """Objects with their holes filled.

    Args:
        store: for the background of blocks.
        objects: that may have holes.
    """

    def __init__(self, store: BlockStore, objects: LabelVolume) -> None:
        self.store, self.objects, self._background = store, objects, ComponentLabels(store, "holes")

    def do(self, index: int) -> None:
        """Label the background of one block."""
        grid = self.store.grid
        shell = grid.shell(index)
        labels = self.objects.read(shell)
        background, known = pieces(labels == 0, grid, index)
        nodes = np.where(labels > 0, labels, -background)
        arrays = known.packed("holes")
        arrays["edges"], arrays["border"] = _edges(nodes), _on_border(nodes, shell, grid)
        core = tuple(slice(0, n) for n in size(grid.box(index)))
        self.store.write(index, arrays, {"holes": background[core]})

    def join(self) -> None:
        """Find the object that encloses each component of the background."""
        if self.store.is_joined:
            return
        joined = join(self.store.grid, pieces_in(self.store, "holes"))
        owner = _owners(self.store, joined, len(self.objects.sizes) - 1)
        sizes = self.objects.sizes.copy()
        np.add.at(sizes, owner, joined.sizes)
        sizes[0] = 0
        self.store.keep({**joined.packed("holes"), "owner": owner, "sizes": sizes})

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels including holes, (n + 1,)."""
        return self.store.table("sizes")

    @property
    def first(self) -> NDArray[np.int64]:
        """Raster index of the first voxel, (n + 1,)."""
        return self.objects.first

    def read(self, box: Box) -> NDArray[np.int32]:
        """The labels of a part of the volume."""
        labels, owner = self.objects.read(box), self.store.table("owner")
        joined = self._background.joined
        holes = self.store.labels("holes", box, lambda index: owner[joined.table(index)])
        return np.where(labels > 0, labels, holes)


def _edges(nodes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The different pairs of nodes that share a face in an array (*S): (2, n)."""
    found = []
    for axis in range(nodes.ndim):
        here = (slice(None),) * axis
        one, other = nodes[(*here, slice(None, -1))], nodes[(*here, slice(1, None))]
        meet = one != other
        found.append(unique_pairs(one[meet], other[meet]))
    return np.unique(np.concatenate(found, axis=1), axis=1).astype(np.int32)


def _on_border(nodes: NDArray[np.int32], box: Box, grid: Grid) -> NDArray[np.int32]:
    """The nodes of a box (*size) that touch the border of the whole array."""
    found = [np.zeros(0, np.int32)]
    for axis, (cut, length) in enumerate(zip(box, grid.shape, strict=True)):
        if cut.start == 0:
            found.append(np.unique(nodes.take(0, axis)))
        if cut.stop == length:
            found.append(np.unique(nodes.take(-1, axis)))
    return np.unique(np.concatenate(found))


def _owners(store: BlockStore, joined: Joined, objects: int) -> NDArray[np.int32]:
    """Per component of the background the innermost object that encloses it, or 0: (n + 1,).

    Node 0 is everything outside the volume, 1..objects are objects, the rest is background.
    """
    edges, border = [], []
    for index in range(len(store.grid)):
        with store.read(index) as file:
            pair, rim = file["edges"], file["border"]
        nodes = joined.table(index) + np.int32(objects)
        edges.append(np.unique(np.where(pair > 0, pair, nodes[-np.minimum(pair, 0)]), axis=1))
        border.append(np.where(rim > 0, rim, nodes[-np.minimum(rim, 0)]))
    outer = np.unique(np.concatenate(border))
    components = len(joined.sizes) - 1
    if np.count_nonzero(outer > objects) == components:  # all background reaches the border
        return np.zeros(components + 1, np.int32)
    ends = np.concatenate([*edges, np.stack([np.zeros_like(outer), outer])], axis=1)
    around = enclosing(ends, objects + components + 1, objects)
    return np.concatenate([np.zeros(1, np.int32), around[objects + 1 :]])


def enclosing(edges: NDArray[np.int32], nodes: int, objects: int) -> NDArray[np.int32]:
    """Per node of a graph the nearest object that lies on all paths to node 0, or 0.

    These are articulation points (Hopcroft and Tarjan, 1973): a node cuts off the subtree of a child in a
    depth-first tree when no edge leads from that subtree above the node.

    Args:
        edges: (2, n) nodes.
        nodes: how many there are.
        objects: nodes 1 to `objects` are objects.

    Example:
        >>> ring = np.array([[0, 1, 3], [3, 2, 1]])  # outside - 3 - 1 - 2: 1 encloses 2
        >>> enclosing(ring, 4, 1).tolist()
        [0, 0, 1, 0]
    """
    both = np.concatenate([edges, edges[::-1]], axis=1)
    graph = coo_array((np.ones(both.shape[1], bool), tuple(both)), (nodes, nodes)).tocsr()
    starts, ends = graph.indptr.tolist(), graph.indices.tolist()
    turn, low, parent, order = [-1] * nodes, [0] * nodes, [0] * nodes, [0]
    turn[0], rest, path = 0, starts[:-1], [0]
    while path:
        node = path[-1]
        if rest[node] < starts[node + 1]:
            other = ends[rest[node]]
            rest[node] += 1
            if turn[other] < 0:
                turn[other] = low[other] = len(order)
                parent[other] = node
                order.append(other)
                path.append(other)
            elif other != parent[node]:
                low[node] = min(low[node], turn[other])
        else:
            path.pop()
            low[parent[node]] = min(low[parent[node]], low[node])
    around = np.zeros(nodes, np.int32)
    for node in order[1:]:
        above = parent[node]
        cuts = 0 < above <= objects and low[node] >= turn[above]
        around[node] = above if cuts else around[above]
    return around
