"""Decoding as rules: how labels follow from maps, for a whole array at once or block by block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nucleizoo.ops.labels.components import (
    drop_small,
    fill_holes,
    label,
    label_rest,
    marker_watershed,
    renumber,
)
from nucleizoo.ops.labels.split_touching import split

Maps = Mapping[str, NDArray[np.float32]]
"""Channel name -> (*S) in the channel's range."""


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """The seeds of nuclei, and the landscape that they grow over.

    Attributes:
        where: maps -> (*S), True in seeds.
        height: maps -> (*S) float32, the landscape that is flooded: low in nuclei.
        full: whether voxels that share only a corner or an edge are one seed.
        min_size: seeds of fewer voxels are ignored.
        keep_rest: whether a connected component of the foreground without a seed is a nucleus too.
        watershed: back end of the flooding; see `ops.labels.components`.
    """

    where: Callable[[Maps], NDArray[np.bool_]]
    height: Callable[[Maps], NDArray[np.float32]]
    full: bool = False
    min_size: int = 0
    keep_rest: bool = False
    watershed: str = "frontier"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of a decoder: what is a nucleus.

    Attributes:
        foreground: maps -> (*S), True where nuclei may be.
        seeds: where they grow from; None when every connected component of the foreground is a nucleus.
        reach: neighbourhood of the functions of maps, in voxels per axis: their values at a voxel depend on
            nothing further away.
        full: whether voxels that share only a corner are connected, where there are no seeds.
        fill_holes: whether background that one nucleus encloses becomes part of it: of the innermost, where
            one encloses another.
        split: touching nuclei are split where they are narrow, into pieces whose centres are at least this
            far apart, in pixels of the last axis; 0 does not split.
        spacing: voxel size in micrometres, in axis order, for `split`; () means isotropic.
        watershed: back end of the split.
        min_size: nuclei of fewer voxels are dropped.
    """

    foreground: Callable[[Maps], NDArray[np.bool_]]
    seeds: Seeds | None = None
    reach: tuple[int, ...]
    full: bool = False
    fill_holes: bool = False
    split: float = 0.0
    spacing: tuple[float, ...] = ()
    watershed: str = "frontier"
    min_size: int = 0

    def __call__(self, maps: Maps) -> NDArray[np.int32]:
        """Maps (*S) -> labels (*S), 1..n by first voxel in raster order."""
        mask = self.foreground(maps)
        labels = label(mask, full=self.full) if self.seeds is None else _grown(self.seeds, maps, mask)
        if self.fill_holes:
            labels = fill_holes(renumber(labels))  # an object that encloses another comes first
        if self.split:
            labels = split(labels, self.split, self.spacing, backend=self.watershed)
        return renumber(drop_small(labels, self.min_size))


def _grown(seeds: Seeds, maps: Maps, mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    numbered = drop_small(label(seeds.where(maps), full=seeds.full), seeds.min_size)
    labels = marker_watershed(seeds.height(maps), numbered, mask, backend=seeds.watershed)
    return label_rest(labels, mask) if seeds.keep_rest else labels


def gaussian_reach(sigma: tuple[float, ...]) -> tuple[int, ...]:
    """Radius of scipy's Gaussian filter for a standard deviation (voxels per axis): 4 sigma, rounded."""
    return tuple(int(4.0 * s + 0.5) for s in sigma)
