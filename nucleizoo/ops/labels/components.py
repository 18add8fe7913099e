"""Instance labels from masks: components, small objects, holes and marker watershed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure, segmentation

from nucleizoo.ops.labels.watershed import face_steps, flood

BACKENDS = ("frontier", "skimage")
"""Who floods: `ops.labels.watershed`, or scikit-image's watershed."""


def label(mask: NDArray[np.bool_], *, full: bool = False) -> NDArray[np.int32]:
    """Connected components of a mask, 1..n by first voxel in raster order, 0 = background.

    Args:
        mask: (*S).
        full: whether voxels that share only a corner or an edge are connected; else only faces
            connect, which keeps apart what a thin gap separates.
    """
    structure = ndimage.generate_binary_structure(mask.ndim, mask.ndim if full else 1)
    labels = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, structure, output=labels)
    return labels


def drop_small(labels: NDArray[np.int32], min_size: int) -> NDArray[np.int32]:
    """Set objects of fewer than `min_size` voxels to 0; the others keep their numbers.

    Args:
        labels: (*S), 0 = background, without gaps worth mentioning in the numbers.
        min_size: voxels; 0 and 1 drop nothing.
    """
    if min_size <= 1:
        return labels
    where = np.flatnonzero(labels)
    found = labels.ravel()[where]
    small = np.bincount(found) < min_size
    kept = labels.copy()
    kept.ravel()[where[small[found]]] = 0
    return kept


def renumber(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number objects 1..n by their first voxel in raster order: files become reproducible.

    Example:
        >>> renumber(np.array([[0, 9, 9], [4, 0, 2]], np.int32)).tolist()
        [[0, 1, 1], [2, 0, 3]]
    """
    flat = labels.ravel()
    where = np.flatnonzero(flat)
    found = flat[where]
    if found.size and found.max() > flat.size:  # sparse numbers would need a huge table
        found = (np.unique(found, return_inverse=True)[1] + 1).astype(np.int32)
    first = np.full(found.max(initial=0) + 1, flat.size)
    first[found[::-1]] = where[::-1]  # the last write stays: that of the earliest voxel
    order = np.argsort(first, kind="stable")[: np.count_nonzero(first < flat.size)]
    table = np.zeros(first.size, np.int32)
    table[order] = np.arange(1, order.size + 1)
    numbered = np.zeros(flat.shape, np.int32)
    numbered[where] = table[found]
    return numbered.reshape(labels.shape)


def fill_holes(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give background that one object encloses to that object; a nucleus inside stays itself.

    What the array's border closes is not a hole.
    """
    filled = labels.copy()
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            whole = ndimage.binary_fill_holes(labels[box] == number)
            np.copyto(filled[box], number, where=whole & (labels[box] == 0))
    return filled


def fill_pockets(labels: NDArray[np.int32], below: int) -> NDArray[np.int32]:
    """Give a pocket of background to the object around it when it is small and has no other neighbour.

    A pocket is connected over faces. What reaches the array's border is none, for it may go on outside.

    Args:
        labels: (*S), 0 = background.
        below: pockets of fewer voxels are filled; 0 and 1 fill none.
    """
    pockets = label(labels == 0)
    small = np.bincount(pockets.ravel()) < below
    small[0] = False
    for axis in range(labels.ndim):
        small[pockets.take((0, -1), axis)] = False
    if not small.any():
        return labels
    voxels = np.flatnonzero(small[pockets])
    which = pockets.ravel()[voxels]
    around = labels.ravel()[voxels[:, None] + face_steps(labels.shape)]
    owner = np.zeros(small.size, np.int32)
    np.maximum.at(owner, which, around.max(axis=1))
    shared = ((around > 0) & (around != owner[which, None])).any(axis=1)
    small[which[shared]] = False
    filled = labels.copy()
    filled.ravel()[voxels] = np.where(small, owner, 0)[which]
    return filled


def parts(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """The connected parts of every object as objects of their own, 1..n by first voxel in raster order.

    Voxels of one object that share only a corner are connected. Any numbers will do in `labels`, (*S).
    """
    numbered = measure.label(labels, background=0)  # type: ignore[no-untyped-call]
    return np.asarray(numbered, np.int32)


def check_backend(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: when it is none of `BACKENDS`.
    """
    if name not in BACKENDS:
        raise ValueError(f"WATERSHED is {' or '.join(map(repr, BACKENDS))}, got '{name}'")
    return name


def marker_watershed(
    landscape: NDArray[np.float32] | NDArray[np.uint8],
    seeds: NDArray[np.int32],
    mask: NDArray[np.bool_],
    *,
    backend: str = "frontier",
) -> NDArray[np.int32]:
    """Flood a landscape from seeds over faces, within the mask.

    Args:
        landscape: (*S), low where nuclei are deep.
        seeds: (*S), 0 = not a seed; what lies outside of the mask is ignored.
        mask: (*S), where labels may stand. A part of it that holds no seed stays 0: flooding is
            never unmasked, for then a far label would arrive there through the background.
        backend: 'frontier' cuts a float landscape into 256 levels within the mask (see
            `ops.labels.watershed`); 'skimage' is several times slower, and its ties and versions differ in
            single voxels. Both label the same voxels.

    Returns:
        (*S), the numbers of the seeds.

    Raises:
        ValueError: for an unknown back end.
    """
    if check_backend(backend) == "frontier":
        return flood(landscape, seeds, mask)
    if not (mask & (seeds > 0)).any():
        return np.zeros(seeds.shape, np.int32)
    flooded = segmentation.watershed(landscape, seeds, mask=mask)  # type: ignore[no-untyped-call]
    return np.asarray(flooded, np.int32)


def label_rest(labels: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Labels, and what the mask holds beyond them as further objects, one a connected part."""
    rest = label(mask & (labels == 0))
    return np.where(rest > 0, rest + labels.max(initial=0), labels)
