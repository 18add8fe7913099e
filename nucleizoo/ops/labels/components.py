"""Instance labels from masks: components, small objects, holes and marker watershed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure, segmentation

from nucleizoo.ops.labels.watershed import face_steps, flood

BACKENDS = ("frontier", "skimage")
"""Implementations of the watershed: `ops.labels.watershed`, or scikit-image's."""


def label(mask: NDArray[np.bool_], *, full: bool = False) -> NDArray[np.int32]:
    """Connected components of a mask, 1..n by first voxel in raster order, 0 = background.

    Args:
        mask: (*S).
        full: whether voxels that share only a corner or an edge are connected; if not, only faces
            connect, which keeps objects apart that touch diagonally.
    """
    structure = ndimage.generate_binary_structure(mask.ndim, mask.ndim if full else 1)
    labels = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, structure, output=labels)
    return labels


def drop_small(labels: NDArray[np.int32], min_size: int) -> NDArray[np.int32]:
    """Set objects of fewer than `min_size` voxels to 0; the others keep their numbers.

    Args:
        labels: (*S), 0 = background; memory grows with the largest number.
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
    """Number objects 1..n by their first voxel in raster order, so that files are reproducible.

    Example:
        >>> renumber(np.array([[0, 9, 9], [4, 0, 2]], np.int32)).tolist()
        [[0, 1, 1], [2, 0, 3]]
    """
    flat = labels.ravel()
    where = np.flatnonzero(flat)
    found = flat[where]
    if found.size and found.max() > flat.size:  # large numbers would need a huge table
        found = (np.unique(found, return_inverse=True)[1] + 1).astype(np.int32)
    first = np.full(found.max(initial=0) + 1, flat.size)
    first[found[::-1]] = where[::-1]  # the last write wins: that of the earliest voxel
    order = np.argsort(first, kind="stable")[: np.count_nonzero(first < flat.size)]
    table = np.zeros(first.size, np.int32)
    table[order] = np.arange(1, order.size + 1)
    numbered = np.zeros(flat.shape, np.int32)
    numbered[where] = table[found]
    return numbered.reshape(labels.shape)


def fill_holes(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Fill background that one object encloses with its label; a nucleus inside keeps its own.

    Background that is enclosed only by the array's border is not a hole.
    """
    filled = labels.copy()
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None and min(side.stop - side.start for side in box) > 2:  # fewer cannot enclose any
            whole = ndimage.binary_fill_holes(labels[box] == number)
            np.copyto(filled[box], number, where=whole & (labels[box] == 0))
    return filled


def fill_pockets(labels: NDArray[np.int32], below: int) -> NDArray[np.int32]:
    """Fill small pockets of background that have only one object as neighbour with its label.

    A pocket is connected over faces. It must not reach the array's border, where it may continue outside.

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
    """The connected components of each label as separate objects, 1..n by first voxel in raster order.

    Voxels of one object that share only a corner are connected. `labels` (*S) may have any numbers.
    """
    numbered = measure.label(labels, background=0)  # type: ignore[no-untyped-call]
    return np.asarray(numbered, np.int32)


def check_backend(name: str) -> str:
    """Return a back end's name.

    Raises:
        ValueError: when it is not one of `BACKENDS`.
    """
    if name not in BACKENDS:
        raise ValueError(f"WATERSHED must be {' or '.join(map(repr, BACKENDS))}, got '{name}'")
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
        seeds: (*S), 0 = not a seed; those outside the mask are ignored.
        mask: (*S), where labels are allowed. A component of it without a seed stays 0; without the mask, a
            distant label would reach it through the background.
        backend: 'frontier' quantises a float landscape to 256 levels within the mask (see
            `ops.labels.watershed`); 'skimage' is several times slower, and differs in single voxels at ties
            and between versions. Both label the same voxels.

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
    """Labels, and the rest of the mask as further objects, one per connected component."""
    rest = label(mask & (labels == 0))
    return np.where(rest > 0, rest + labels.max(initial=0), labels)
