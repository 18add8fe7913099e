"""Volumes seen from a side: the brightest voxel on every ray, or the first nucleus, shaded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.labels.edges import outlines
from nucleizoo.ops.labels.smooth import Cubes, smooth_mask

LIGHT = np.array([-1.0, -0.7, -1.6]) / np.linalg.norm([-1.0, -0.7, -1.6])
"""Where light comes from, along (down, right, ahead): from above, left and the viewer's side."""
AMBIENT = 0.3
"""Brightness of a surface that no light falls on."""
FAR = 0.55
"""Brightness at the far end of a volume, in that of the near end."""
EDGE = 0.55
"""Brightness of the edge of a nucleus, in that of its surface."""
_SIGMA = 1.5
"""Blur of the depth in pixels, so that its steps of a voxel do not show."""


@dataclass(frozen=True)
class View:
    """A side from which a volume is seen, without perspective.

    Attributes:
        down, right, ahead: unit vectors (z, y, x), at right angles.
    """

    down: tuple[float, float, float]
    right: tuple[float, float, float]
    ahead: tuple[float, float, float]

    @property
    def axes(self) -> NDArray[np.float64]:
        """(3, 3): rows down, right, ahead."""
        return np.array([self.down, self.right, self.ahead])

    def extent(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Size (down, right, ahead) in voxels of the box around a volume."""
        rows, columns, depth = np.ceil(np.abs(self.axes) @ np.array(shape) - 1e-6).astype(int).tolist()
        return rows, columns, depth

    def seen_at(self, places: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Positions (N, 3) in voxels -> (N, 3) down, right, ahead in the picture."""
        middle = (np.array(shape) - 1) / 2
        return (places - middle) @ self.axes.T + (np.array(self.extent(shape)) - 1) / 2

    def edges(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Those edges (9, 2, 2) of a volume that nothing in it is behind: start and end, down and right."""
        corners = np.array(list(np.ndindex(2, 2, 2)))
        places = self.seen_at(corners * np.array(shape) - 0.5, shape)
        near = int(places[:, 2].argmin())
        ends = [
            (i, j) for i, j in itertools.combinations(range(8), 2)
            if abs(corners[i] - corners[j]).sum() == 1 and near not in (i, j)
        ]  # fmt: skip
        return np.asarray(places[np.array(ends), :2].clip(0, np.array(self.extent(shape)[:2]) - 1))

    def planes(self, shape: tuple[int, ...]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.int32]]]:
        """What lies behind another, from near to far: which pixels (V, U) hit the volume, and where.

        Yields:
            A mask, and for its pixels the flat indices of voxels.
        """
        middles = [(n - 1) / 2 for n in (*self.extent(shape), *shape)]
        rows, columns, depth = (
            np.arange(n, dtype=np.float32) - middle
            for n, middle in zip(self.extent(shape), middles[:3], strict=True)
        )
        down, right, ahead = self.axes.astype(np.float32)
        for z in depth:
            inside, flat = np.ones((rows.size, columns.size), bool), np.zeros((), np.int32)
            for axis, n in enumerate(shape):
                start = z * ahead[axis] + middles[3 + axis] + 0.499  # is cut off: the nearest voxel
                line = rows[:, None] * down[axis] + (columns * right[axis] + start)
                inside &= (line >= 0) & (line < n)
                flat = flat * np.int32(n) + line.astype(np.int32)
            yield inside, flat[inside]


ABOVE = View((0, 1, 0), (0, 0, 1), (1, 0, 0))
"""Along z: y down, x to the right."""
BELOW = View((1, 0, 0), (0, 0, 1), (0, -1, 0))
"""From the lower edge of `ABOVE`: z down, x to the right."""
RIGHT = View((0, 1, 0), (1, 0, 0), (0, 0, -1))
"""From the right edge of `ABOVE`: y down, z to the right."""


def oblique(turn: float = 30.0, tilt: float = 55.0) -> View:
    """`ABOVE`, turned about z and then tilted towards `BELOW`; degrees."""
    (s, c), (st, ct) = ((np.sin(a), np.cos(a)) for a in np.deg2rad([turn, tilt]))
    return View((float(st), float(ct * c), float(-ct * s)), (0.0, float(s), float(c)),
                (float(ct), float(-st * c), float(st * s)))  # fmt: skip


def brightest(volume: NDArray[np.float32], view: View) -> NDArray[np.float32]:
    """The maximum-intensity projection (V, U) of a volume (z, y, x); the lowest value beside it."""
    rows, columns, _ = view.extent(volume.shape)
    seen, flat = np.full((rows, columns), volume.min()), volume.ravel()
    for inside, places in view.planes(volume.shape):
        seen[inside] = np.maximum(seen[inside], flat[places])
    return seen


def first(labels: NDArray[np.int32], view: View) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The first label on every ray, and how far away it is.

    Returns:
        labels: (V, U), 0 where there is none.
        depth: (V, U), 0 at the near end of the volume and 1 at the far end.
    """
    rows, columns, depth = view.extent(labels.shape)
    seen, far, flat = (
        np.zeros((rows, columns), np.int32),
        np.zeros((rows, columns), np.float32),
        labels.ravel(),
    )
    for step, (inside, places) in enumerate(view.planes(labels.shape)):
        new = inside & (seen == 0)
        found = flat[places[new[inside]]]
        seen[new] = found
        far[new] = np.where(found > 0, step, 0)
    far /= max(depth - 1, 1)
    return seen, far


def shaded(
    labels: NDArray[np.int32], colours: NDArray[np.uint8], view: View
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw nuclei as solid bodies: those in front hide those behind, and what is far away is darker.

    Args:
        labels: (z, y, x) of cubes, 0 = background, 1 to N.
        colours: (N, 3) RGB, of label 1 first.
        view: of them.

    Returns:
        RGB (V, U, 3), and where there is a nucleus (V, U).
    """
    seen, far = first(labels, view)
    light = np.zeros(seen.shape)
    depth = far * max(view.extent(labels.shape)[2] - 1, 1)
    for label, box in enumerate(ndimage.find_objects(seen), 1):
        if box is not None:
            there = tuple(slice(max(0, cut.start - 5), cut.stop + 5) for cut in box)
            mask = seen[there] == label
            light[there][mask] = _lit(mask, depth[there])[mask]
    brightness = (AMBIENT + (1 - AMBIENT) * light) * (1 - (1 - FAR) * far)
    brightness[outlines(seen) > 0] *= EDGE
    palette = np.concatenate([np.zeros((1, 3)), colours])
    return np.asarray(palette[seen] * brightness[..., None], np.uint8), seen > 0


def _lit(mask: NDArray[np.bool_], depth: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much light falls on a surface by its depth in pixels, in [0, 1]; valid within the mask."""
    weight = ndimage.gaussian_filter(mask.astype(float), _SIGMA)
    smooth = ndimage.gaussian_filter(np.where(mask, depth, 0.0), _SIGMA) / np.maximum(weight, 1e-3)
    down, right = np.gradient(smooth)
    facing = (LIGHT[0] * down + LIGHT[1] * right - LIGHT[2]) / np.sqrt(down**2 + right**2 + 1)
    return np.asarray(facing.clip(0, 1))


def smooth_labels(labels: NDArray[np.int32], cubes: Cubes) -> NDArray[np.int32]:
    """Labels 1 to N (z, y, x) on cubes, with smooth surfaces; nuclei that touch still do."""
    best, total = (np.zeros(cubes.resizing.new, np.float32) for _ in range(2))
    made = np.zeros(cubes.resizing.new, np.int32)
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        there, field = cubes.around(box), smooth_mask(labels, label, box, cubes)
        total[there] += field
        wins = field > best[there]
        best[there][wins] = field[wins]
        made[there][wins] = label
    made[total < 1] = 0
    return made
