"""Nuclei as closed surfaces of triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from nucleizoo.ops.grid import Box
from nucleizoo.ops.labels.smooth import Cubes, smooth_mask

ACROSS = 40
"""Cubes across a nucleus at most: about 10,000 triangles."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A closed surface.

    Attributes:
        vertices: (N, 3) x, y, z, in the unit of the voxel size; the centre of the first voxel is at 0. With
            x to the right and y down, z leads away from the viewer: the axes are right-handed.
        faces: (M, 3) indices of vertices, anticlockwise seen from outside.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    @property
    def corners(self) -> NDArray[np.float32]:
        """(M, 3, 3): the corners of every triangle."""
        return self.vertices[self.faces]

    @property
    def normals(self) -> NDArray[np.float64]:
        """(M, 3): of every triangle, outward, of length 1; 0 for a triangle without area."""
        lengths = np.linalg.norm(self._crosses, axis=1, keepdims=True)
        return np.asarray(self._crosses / np.where(lengths > 0, lengths, 1))

    @property
    def area(self) -> float:
        """Of the surface, in the squared unit."""
        return float(np.linalg.norm(self._crosses, axis=1).sum() / 2)

    @property
    def volume(self) -> float:
        """Enclosed, in the cubed unit; by the divergence theorem."""
        inward = self.corners[:, 0].astype(float) - self.vertices.mean(0)
        return float((inward * self._crosses).sum() / 6)

    @property
    def _crosses(self) -> NDArray[np.float64]:
        """(M, 3): outward normals, twice as long as triangles are large."""
        a, b, c = self.corners.astype(float).transpose(1, 0, 2)
        return np.cross(b - a, c - a)


def mesh(labels: NDArray[np.int32], label: int, box: Box, spacing: tuple[float, ...]) -> Mesh:
    """The surface of a nucleus, smooth and of the nucleus's volume; flat where the picture's border cuts it.

    Args:
        labels: (z, y, x), 0 = background.
        label: of the nucleus.
        box: in which it lies.
        spacing: voxel size, any unit.
    """
    lengths = [(cut.stop - cut.start) * size for cut, size in zip(box, spacing, strict=True)]
    cubes = Cubes(labels.shape, spacing, max(min(spacing), max(lengths) / ACROSS))
    field = np.pad(smooth_mask(labels, label, box, cubes), 1)  # closed where the border cuts it
    vertices, faces, _, _ = marching_cubes(field, 1.0)  # type: ignore[no-untyped-call]
    first = [cut.start - 1 for cut in cubes.around(box)]
    places = cubes.places(vertices + first)
    return Mesh(places[:, ::-1].astype(np.float32), faces.astype(np.int32))
