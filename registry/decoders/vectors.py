"""Nuclei from a vector field: voxels that are led to the same place are one nucleus.

[1] Stringer et al., Cellpose: a generalist algorithm for cellular segmentation, 2021, methods: from flows to
    masks.
[2] MouseLand/cellpose 3.1.1.3 (BSD), read for the steps, the histogram and the error of flows.
[3] Wolf et al., Unsupervised learning of object-centric embeddings for cell instance segmentation in
    microscopy images, 2023: mean shift on embeddings.
[4] funkelab/cellulus at a13ea66 (MIT), read for the halo and the removal of small objects.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.contracts import Decoder
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.components import drop_small, parts
from nucleizoo.ops.labels.flow import UNIT, follow, heat_flow
from nucleizoo.ops.labels.modes import Climb
from nucleizoo.ops.labels.rules import Maps, Rules, Seeds

CLIMBS = 5
"""Steps up the density, at most; [2] grows a peak of its histogram as often."""


class Vectors(Decoder):
    """Voxels of the foreground are grouped by the mode of the density where they land.

    Subclasses implement `displacement`. Lengths and sizes are in pixels and voxels that the network sees.

    Args:
        foreground: nuclei are voxels with 'probability' above this (Cellpose: 0.5, a logit of 0).
        radius: voxels are led no further than this along an axis; more than the largest distance from the
            middle of a nucleus to its rim. Blocks are read with more than three times as much around them.
        min_size: groups and nuclei of fewer voxels are dropped (Cellpose: 15).
        fill_holes: whether background that one nucleus encloses becomes part of it (Cellpose: True).

    Raises:
        ValueError: for a setting outside its range.
    """

    less_memory = "lower INFERENCE.DECODER.RADIUS, or raise FOREGROUND, so that fewer nuclei touch"
    window: float
    smooth: float = 0.0
    kind: str

    def __init__(
        self, *, foreground: float = 0.5, radius: float = 20.0, min_size: int = 15, fill_holes: bool = True
    ) -> None:
        if not 0 <= foreground < 1:
            raise ValueError(f"FOREGROUND must be in [0, 1), got {foreground}")
        if radius < 1:
            raise ValueError(f"RADIUS must be 1 or more, got {radius}")
        if min_size < 0:
            raise ValueError(f"MIN_SIZE must not be negative, got {min_size}")
        self.foreground, self.radius = foreground, radius
        self.min_size, self.fill_holes = min_size, fill_holes

    @abstractmethod
    def displacement(
        self, field: NDArray[np.float32], led: NDArray[np.intp], voxels: Voxels, furthest: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """How far voxels are led.

        Args:
            field: vectors in [-1, 1], (axes, *S).
            led: flat indices (N) of voxels.
            voxels: of the maps.
            furthest: along each axis, in voxels of the maps.

        Returns:
            (axes, N), in voxels of the maps.
        """

    def inside(self, maps: Maps, voxels: Voxels) -> NDArray[np.bool_]:
        """Where nuclei may be, (*S)."""
        return maps["probability"] > self.foreground

    def around(self, voxels: Voxels) -> tuple[int, ...]:
        """How far `inside` depends on maps, in voxels per axis."""
        return (0,) * voxels.dims

    def kept(
        self, groups: NDArray[np.int32], field: NDArray[np.float32], voxels: Voxels
    ) -> NDArray[np.int32]:
        """Groups (*S), connected, 1..n -> those that are nuclei."""
        return groups

    def rules(self, voxels: Voxels) -> Rules:
        """Groups without the voxels that touch another group are seeds, which grow back into them."""
        furthest = _whole(voxels.along(self.radius))
        smooth = voxels.along(self.smooth) if self.smooth else ()
        climb = Climb(_whole(voxels.along(self.window)), CLIMBS, smooth)

        def found(maps: Maps) -> NDArray[np.int32]:
            field = np.stack([maps[f"{self.kind}_{axis}"] for axis in "zyx"[-voxels.dims :]])
            led = np.flatnonzero(self.inside(maps, voxels))
            gone = np.rint(self.displacement(field, led, voxels, furthest)).astype(np.intp)
            start = np.unravel_index(led, field.shape[1:])
            landed = [
                np.clip(one + far, 0, n - 1) for one, far, n in zip(start, gone, field.shape[1:], strict=True)
            ]
            modes = climb(np.ravel_multi_index(landed, field.shape[1:]), field.shape[1:])
            groups = np.zeros(field[0].size, np.int32)
            groups[led] = np.unique(np.append(modes, -1), return_inverse=True)[1][:-1]
            whole = drop_small(parts(groups.reshape(field.shape[1:])), voxels.number(self.min_size))
            return self.kept(whole, field, voxels)

        latest: list[tuple[Maps, NDArray[np.int32]]] = []  # foreground and seeds ask for the same maps

        def groups(maps: Maps) -> NDArray[np.int32]:
            for of, known in latest:
                if of is maps:
                    return known
            made = found(maps)
            latest[:] = [(maps, made)]
            return made

        reach = [
            3 * f + 2 * c + a + 2 for f, c, a in zip(furthest, climb.reach, self.around(voxels), strict=True)
        ]
        seeds = Seeds(
            where=lambda maps: _without_rims(groups(maps)),
            height=lambda maps: np.zeros_like(maps["probability"]), keep_rest=True,
        )  # fmt: skip
        return Rules(
            foreground=lambda maps: groups(maps) > 0, seeds=seeds, reach=tuple(reach),
            fill_holes=self.fill_holes, min_size=voxels.number(self.min_size),
        )  # fmt: skip


def _whole(lengths: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(max(1, round(length)) for length in lengths)


def _without_rims(groups: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where voxels have no face neighbour of another group, (*S)."""
    alone = groups > 0
    for axis in range(groups.ndim):
        before, after = (
            tuple(cut if a == axis else slice(None) for a in range(groups.ndim))
            for cut in (slice(None, -1), slice(1, None))
        )
        same = (groups[before] == groups[after]) | (groups[before] == 0) | (groups[after] == 0)
        alone[before] &= same
        alone[after] &= same
    return alone


@DECODERS.register("flow")
class Flow(Vectors):
    """Voxels follow the flow to where it ends; the peaks of the histogram of their ends are nuclei.

    A nucleus whose flow, as the target `flow` would have it, is far from the map is dropped: its shape and
    what led to it contradict each other.

    Args:
        steps: of at most one pixel, that voxels follow the flow (Cellpose: 200, for nuclei 30 pixels wide).
        max_error: largest mean squared difference of these flows, summed over axes (Cellpose: 0.4); 0 keeps
            all nuclei.
        settings: of all decoders of vectors.

    Raises:
        ValueError: for a setting outside its range.

    Differs: ends climb the histogram, in windows of 5 pixels, to its peak, where [2] grows each peak of more
        than ten voxels over bins of more than two; disconnected parts of a nucleus are separate; the error
        of flows is tested in volumes too. A voxel follows the flow no further than `radius`, so that blocks
        give the labels of the whole.

    References: [1, 2] of this module.
    """

    reads = frozenset({"probability", "flow_z", "flow_y", "flow_x"})
    kind, window = "flow", 2.0

    def __init__(
        self,
        *,
        steps: int = 100,
        max_error: float = 0.4,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if steps < 1 or max_error < 0:
            raise ValueError(f"STEPS must be 1 or more and MAX_ERROR 0 or more, got {steps} and {max_error}")
        self.steps, self.max_error = steps, max_error

    def displacement(
        self, field: NDArray[np.float32], led: NDArray[np.intp], voxels: Voxels, furthest: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """Where the flow leads, in `steps`."""
        pixel = np.reshape(np.array(voxels.along(1.0), np.float32), (-1, *[1] * voxels.dims))
        return follow(field * pixel, led, steps=self.steps, furthest=furthest)

    def kept(
        self, groups: NDArray[np.int32], field: NDArray[np.float32], voxels: Voxels
    ) -> NDArray[np.int32]:
        """Groups whose own flow is near the map."""
        if not self.max_error:
            return groups
        # groups lie within `radius` of their mode, so that blocks and the whole diffuse alike
        rounds = 4 * sum(2 * n + 1 for n in _whole(voxels.along(self.radius)))
        error = ((heat_flow(groups, voxels.edges, rounds=rounds) - field) ** 2).sum(0)
        size = np.bincount(groups.ravel())
        wrong = np.bincount(groups.ravel(), error.ravel()) > self.max_error * size
        wrong[0] = False
        return np.where(wrong[groups], 0, groups)


@DECODERS.register("embedding")
class Embedding(Vectors):
    """Voxels go to where their offset points; the modes of the density of these places are nuclei.

    Args:
        bandwidth: of the density that is climbed, in pixels: places that are nearer are one nucleus (code:
            set by the user; about the radius of a nucleus).
        grow: the foreground is grown by this first, which closes gaps (code: 3 for whole cells).
        shrink: and then shrunk by this, since embeddings of what surrounds a nucleus are certain as well
            (code: 6 for whole cells).
        settings: of all decoders of vectors.

    Raises:
        ValueError: for a setting outside its range.

    Differs: modes are climbed on the grid of voxels, a Gaussian of half the bandwidth being the kernel, where
        [4] has the flat kernel of scikit-learn on a tenth of the voxels, drawn at random. [4] grows and
        shrinks nuclei, here the foreground. [4] segments with several bandwidths, each half the one before,
        and leaves the choice to the user: set BANDWIDTH.

    References: [3, 4] of this module.
    """

    reads = frozenset({"probability", "offset_z", "offset_y", "offset_x"})
    kind = "offset"

    def __init__(
        self,
        *,
        bandwidth: float = 4.0,
        grow: float = 0.0,
        shrink: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if bandwidth < 1 or grow < 0 or shrink < 0:
            raise ValueError(
                "BANDWIDTH must be 1 or more, GROW and SHRINK 0 or more, got "
                f"{bandwidth}, {grow} and {shrink}"
            )
        self.window, self.smooth, self.grow, self.shrink = bandwidth / 2, bandwidth / 2, grow, shrink

    def displacement(
        self, field: NDArray[np.float32], led: NDArray[np.intp], voxels: Voxels, furthest: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """The offsets themselves."""
        limit = np.array(furthest, np.float32)[:, None]
        gone = field.reshape(voxels.dims, -1)[:, led] * np.array(voxels.along(UNIT), np.float32)[:, None]
        return np.asarray(np.clip(gone, -limit, limit))

    def inside(self, maps: Maps, voxels: Voxels) -> NDArray[np.bool_]:
        """The foreground, grown and shrunk."""
        mask = super().inside(maps, voxels)
        for far, side in ((self.grow, False), (self.shrink, True)):
            if far:
                ball = _ball(voxels.along(far))
                mask = (
                    ndimage.binary_erosion(mask, ball, border_value=1) if side
                    else ndimage.binary_dilation(mask, ball)
                )  # fmt: skip
        return np.asarray(mask)

    def around(self, voxels: Voxels) -> tuple[int, ...]:
        """Both radii."""
        grown, shrunk = voxels.along(self.grow), voxels.along(self.shrink)
        return tuple(int(g) + int(s) for g, s in zip(grown, shrunk, strict=True))


def _ball(radii: tuple[float, ...]) -> NDArray[np.bool_]:
    """The voxels within an ellipsoid around the middle one."""
    grid = np.ogrid[tuple(slice(-int(r), int(r) + 1) for r in radii)]
    return np.asarray(sum((line / r) ** 2 for line, r in zip(grid, radii, strict=True)) <= 1)
