"""How convex nuclei are: the share of its convex hull that each fills."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def solidity(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """The volume of every nucleus over that of the convex hull of its voxels, cubes of edge 1.

    Args:
        labels: (*S) in 2D or 3D, 0 = background.

    Returns:
        (n,) in (0, 1], in ascending order of the labels; 1 for a box, less for what is dented or in pieces.

    Example:
        >>> round(float(solidity(np.array([[1, 0], [1, 1]], np.int32))[0]), 3)  # 3 of 3.5 pixels
        0.857
    """
    parts = enumerate(ndimage.find_objects(labels), 1)
    return np.array([_filled(labels[part] == name) for name, part in parts if part is not None])


def _filled(nucleus: NDArray[np.bool_]) -> float:
    """Its volume over that of its hull, which the corners of the first and last voxel of every row span."""
    from scipy.spatial import ConvexHull  # slow to load, and every command would wait for it

    rows = nucleus.any(-1)
    begin = nucleus[rows].argmax(-1)
    end = nucleus.shape[-1] - nucleus[rows][:, ::-1].argmax(-1)
    corners = [
        np.column_stack([np.argwhere(rows) + corner, along])
        for corner in product((0, 1), repeat=rows.ndim)
        for along in (begin, end)
    ]
    return float(nucleus.sum() / ConvexHull(np.concatenate(corners)).volume)
