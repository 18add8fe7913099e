"""Synthetic nuclei: random ellipses and ellipsoids that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.core.errors import SynthesisError
from nucleizoo.ops.image.geometry import voxel_shape

PATIENCE = 100
"""Rejections in a row after which a patch counts as full, as in the reference code of AD-GAN."""


@dataclass(frozen=True)
class _Solids:
    """Candidates, one per row, in voxels: a point at offset v is inside where v @ form @ v <= 1."""

    centre: NDArray[np.int64]  # (N, dims)
    form: NDArray[np.float64]  # (N, dims, dims)
    reach: NDArray[np.int64]  # (N, dims), half the bounding box
    radius: NDArray[np.float64]  # (N,), of the inscribed ball, in pixels of the last axis

    def only(self, rows: list[int]) -> _Solids:
        return _Solids(self.centre[rows], self.form[rows], self.reach[rows], self.radius[rows])


def place(
    rng: np.random.Generator,
    size: tuple[int, ...],
    *,
    semi_axis: tuple[float, ...],
    eccentricity: tuple[float, ...] = (0.25, 0.75),
    count: tuple[float, ...],
    gap: int = 0,
    spacing: tuple[float, ...] = (),
    crop: tuple[slice, ...] = (),
) -> NDArray[np.int32]:
    """Fill a patch with ellipses or ellipsoids, one after the other, until there are enough.

    Each has its centre anywhere in the patch (the border may cut it), a major semi-axis a, minor
    semi-axes sqrt(1 - e^2) a with an e drawn for each, and a uniform orientation. One that shares a voxel
    with an earlier one is rejected; touching is allowed. The patch is done when it holds the number drawn,
    or after `PATIENCE` rejections in a row.

    Args:
        rng: the only source of randomness.
        size: (Y, X) or (Z, Y, X) of the patch.
        semi_axis: range of a, in pixels of the last axis.
        eccentricity: range of e, within [0, 1); 0 is round.
        count: range of the number drawn; it is not rounded, so any number above 0 gives a nucleus.
        gap: background voxels kept between two nuclei, in every direction.
        spacing: voxel size in micrometres, in axis order: coarse z makes nuclei flat in voxels;
            () means isotropic.
        crop: the part of the patch that is wanted; () is all of it.

    Returns:
        Labels (*size), or those of the crop, 0 = background, 1..n in the order of placing.

    Raises:
        ValueError: for an invalid range, naming key and value.
        SynthesisError: when no nucleus can be placed, or every one would fill the whole patch.

    Example:
        >>> labels = place(np.random.default_rng(0), (64, 64), semi_axis=(5, 8), count=(3, 3))
        >>> int(labels.max())
        3
    """
    voxel = np.array(voxel_shape(spacing, len(size)))
    _check(size, voxel, semi_axis, eccentricity, count, gap)
    crop = crop or tuple(slice(0, n) for n in size)
    labels = np.zeros([part.stop - part.start for part in crop], np.int32)
    shown = 0
    taken = np.zeros(size, bool)  # one byte per voxel of the patch; the system gives only what is written to
    wanted, found, misses = rng.uniform(count[0], count[1]), 0, 0
    placed: list[_Solids] = []
    while found < wanted and misses < PATIENCE:
        solids = _draw(rng, size, voxel, semi_axis, eccentricity)
        clash = _surely_overlap(solids, solids, voxel)
        hopeless = np.zeros(PATIENCE, bool)
        for earlier in placed:
            hopeless |= _surely_overlap(solids, earlier, voxel).any(axis=1)
        kept = []
        for i in range(PATIENCE):
            if found >= wanted or misses >= PATIENCE:
                break
            misses += 1
            if hopeless[i]:
                continue
            box, inside = _rasterise(solids, i, size, gap)
            room = taken[box]
            if (room & inside).any():
                continue
            found, misses = found + 1, 0
            shown += _paint(labels, crop, box, inside, shown + 1)
            room |= ndimage.maximum_filter(inside, 2 * gap + 1, mode="constant") if gap else inside
            hopeless |= clash[i]
            kept.append(i)
        placed.append(solids.only(kept))
    return labels


def _draw(
    rng: np.random.Generator,
    size: tuple[int, ...],
    voxel: NDArray[np.float64],
    semi_axis: tuple[float, ...],
    eccentricity: tuple[float, ...],
) -> _Solids:
    """Draw `PATIENCE` candidates at once."""
    dims = len(size)
    axes = np.repeat(rng.uniform(semi_axis[0], semi_axis[1], (PATIENCE, 1)), dims, axis=1)
    axes[:, 1:] *= np.sqrt(1 - rng.uniform(eccentricity[0], eccentricity[1], (PATIENCE, dims - 1)) ** 2)
    # The Q of a Gaussian matrix is a uniform rotation, up to reflections, which do not change an ellipsoid.
    rotation = np.linalg.qr(rng.standard_normal((PATIENCE, dims, dims)))[0]
    variance = np.einsum("nij,nj->ni", rotation**2, axes**2)
    form = np.einsum("nij,nj,nkj->nik", rotation, axes**-2, rotation) * voxel[:, None] * voxel
    return _Solids(
        centre=rng.integers(0, size, (PATIENCE, dims)),
        form=form,
        reach=np.floor(np.sqrt(variance) / voxel).astype(np.int64),
        radius=axes.min(axis=1),
    )


def _surely_overlap(some: _Solids, others: _Solids, voxel: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, M): True only where the inscribed balls share a region so large that it contains a voxel.

    Two balls that overlap by the diagonal of a voxel share a ball of that diameter, and every such ball
    contains a voxel's centre.
    """
    apart = np.zeros((len(some.radius), len(others.radius)))
    for axis, edge in enumerate(voxel):
        apart += (edge * (some.centre[:, None, axis] - others.centre[None, :, axis])) ** 2
    near = some.radius[:, None] + others.radius - np.sqrt((voxel**2).sum())
    shared: NDArray[np.bool_] = apart <= np.maximum(near, 0) ** 2
    return shared


def _rasterise(
    solids: _Solids, i: int, size: tuple[int, ...], gap: int
) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
    """The bounding box of candidate i, grown by `gap` and cut to the patch, and its voxels in that box."""
    form, span = solids.form[i].tolist(), solids.reach[i].tolist()
    box, offsets = [], []
    for axis, (c, r, n) in enumerate(zip(solids.centre[i].tolist(), span, size, strict=True)):
        low, high = max(c - r - gap, 0), min(c + r + gap + 1, n)
        box.append(slice(low, high))
        line = np.arange(low - c, high - c, dtype=np.float32)
        offsets.append(line.reshape((-1,) + (1,) * (len(size) - 1 - axis)))
    value = form[0][0] * offsets[0] ** 2
    for j in range(1, len(size)):
        slope = form[j][j] * offsets[j]
        for k in range(j):
            slope = slope + 2 * form[j][k] * offsets[k]
        slope *= offsets[j]
        slope += value
        value = slope
    return tuple(box), value <= 1


def _paint(
    labels: NDArray[np.int32],
    crop: tuple[slice, ...],
    box: tuple[slice, ...],
    inside: NDArray[np.bool_],
    number: int,
) -> bool:
    """Write a number into the labels of a crop where a nucleus is; whether any voxel is there."""
    here, there = [], []
    for own, part in zip(box, crop, strict=True):
        low, high = max(own.start, part.start), min(own.stop, part.stop)
        if low >= high:
            return False
        here.append(slice(low - own.start, high - own.start))
        there.append(slice(low - part.start, high - part.start))
    seen = inside[tuple(here)]
    np.copyto(labels[tuple(there)], number, where=seen)
    return bool(seen.any())


def _check(
    size: tuple[int, ...],
    voxel: NDArray[np.float64],
    semi_axis: tuple[float, ...],
    eccentricity: tuple[float, ...],
    count: tuple[float, ...],
    gap: int,
) -> None:
    """Refuse invalid ranges, then settings that no nucleus fits."""
    for key, pair in (("SEMI_AXIS", semi_axis), ("ECCENTRICITY", eccentricity), ("COUNT", count)):
        if len(pair) != 2 or not 0 <= pair[0] <= pair[1] < float("inf"):
            raise ValueError(f"{key} must be a range [low, high] with 0 <= low <= high, got {list(pair)}")
    if eccentricity[1] >= 1:
        raise ValueError(f"ECCENTRICITY must be below 1, got {list(eccentricity)}")
    if gap < 0:
        raise ValueError(f"GAP must not be negative, got {gap}")
    if min(size) < 1:
        raise ValueError(f"a patch must not be empty, got size {tuple(size)}")
    if count[1] == 0:
        raise SynthesisError("COUNT [0, 0] asks for no nuclei; raise its upper end to 1 or more")
    if semi_axis[0] < 0.5:
        raise SynthesisError(
            f"SEMI_AXIS {list(semi_axis)} pixels allows nuclei smaller than one pixel, which would be "
            "invisible but counted for COUNT; raise its lower end to 0.5 or more"
        )
    smallest = semi_axis[0] * np.sqrt(1 - eccentricity[1] ** 2)
    if smallest >= np.sqrt(((np.array(size) * voxel) ** 2).sum()):
        raise SynthesisError(
            f"SEMI_AXIS {list(semi_axis)} makes every nucleus larger than the patch {tuple(size)}, whatever "
            "COUNT is; lower SEMI_AXIS (a radius, in pixels), or raise DATASET.SIZE or PATCH"
        )
