"""Nuclei from maps of foreground, contour and distance: seeds where all agree, then a watershed [1, 2].

[1] Lin et al., NucMM dataset, 2021: the decoding; Lauenburg et al., Instance segmentation of unlabeled
    modalities via cyclic segmentation GAN, 2022: the same in CySGAN.
[2] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e (MIT), read for thresholds, connectivity
    and landscape, which the papers do not give; `README` is that of its CySGAN project.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Decoder
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.components import check_backend
from nucleizoo.ops.labels.rules import Maps, Rules, Seeds


@DECODERS.register("bc")
class BC(Decoder):
    """Seeds are foreground without contour; a watershed on the foreground probability grows them.

    A connected component of the foreground without a seed is dropped.

    Args:
        seed_binary: seeds are voxels with 'binary' above this (library, README: 0.9).
        seed_contour: seeds must also have 'contour' below this (library: 0.8; README: 0.2).
        foreground: nuclei are voxels with 'binary' above this (library: 0.85; README: 0.7).
        connectivity: of seeds, 'full' (published; voxels that share a corner are one seed) or 'face',
            which keeps seeds apart that touch diagonally.
        min_seed: smaller seeds are dropped, in voxels that the network sees (library, README: 32).
        min_size: smaller nuclei are dropped, in such voxels (library: 128; README: 256). 0 keeps all.
        watershed: its back end, 'frontier' or 'skimage'; see `ops.labels.components`.

    Raises:
        ValueError: for a setting outside its range.

    Differs: by default no nucleus is dropped as too small, because a size in voxels holds for one voxel size
    and dimension only.

    References: [1, 2] of this module.
    """

    reads = frozenset({"binary", "contour"})
    less_memory = "raise INFERENCE.DECODER.FOREGROUND, so that fewer nuclei touch"

    def __init__(
        self,
        *,
        seed_binary: float = 0.9,
        seed_contour: float = 0.8,
        foreground: float = 0.85,
        connectivity: str = "full",
        min_seed: int = 32,
        min_size: int = 0,
        watershed: str = "frontier",
    ) -> None:
        for key, share in (("SEED_BINARY", seed_binary), ("FOREGROUND", foreground)):
            if not 0 <= share < 1:
                raise ValueError(f"{key} must be in [0, 1), got {share}")
        if not 0 < seed_contour <= 1:
            raise ValueError(f"SEED_CONTOUR must be in (0, 1], got {seed_contour}")
        for key, voxels in (("MIN_SEED", min_seed), ("MIN_SIZE", min_size)):
            if voxels < 0:
                raise ValueError(f"{key} must not be negative, got {voxels}")
        if connectivity not in ("face", "full"):
            raise ValueError(f"CONNECTIVITY must be 'face' or 'full', got '{connectivity}'")
        self.seed_binary, self.seed_contour, self.foreground = seed_binary, seed_contour, foreground
        self.full, self.min_seed, self.min_size = connectivity == "full", min_seed, min_size
        self.watershed = check_backend(watershed)

    def rules(self, voxels: Voxels) -> Rules:
        """Seeds, foreground and landscape, voxel by voxel."""
        seeds = Seeds(
            where=self.is_seed, height=self.height,
            full=self.full, min_size=voxels.number(self.min_seed), watershed=self.watershed,
        )  # fmt: skip
        return Rules(
            foreground=self.is_foreground, seeds=seeds, reach=(0,) * voxels.dims,
            min_size=voxels.number(self.min_size),
        )  # fmt: skip

    def is_seed(self, maps: Maps) -> NDArray[np.bool_]:
        """Where seeds are, (*S)."""
        return (maps["binary"] > self.seed_binary) & (maps["contour"] < self.seed_contour)

    def is_foreground(self, maps: Maps) -> NDArray[np.bool_]:
        """Where nuclei may be, (*S)."""
        return maps["binary"] > self.foreground

    def height(self, maps: Maps) -> NDArray[np.float32]:
        """The landscape that is flooded, (*S): low in nuclei."""
        return -maps["binary"]


@DECODERS.register("bcd")
class BCD(BC):
    """The decoder `bc` with thresholds on the distance map, too, for seeds and for nuclei.

    The README's -0.1 for `foreground_distance` accepts the background of a network trained with the target's
    `legacy_background`, so that 'binary' alone decides.

    Args:
        seed_distance: seeds must also have 'distance' above this (library, README: 0.5).
        foreground_distance: nuclei must also have 'distance' above this (library: 0; README: -0.1).
        landscape: the map that is flooded, 'binary' (published) or 'distance', whose valleys are sharper.
        settings: of `bc`.

    Raises:
        ValueError: for a setting outside its range.

    References: [1, 2] of this module.
    """

    reads = frozenset({"binary", "contour", "distance"})

    def __init__(
        self,
        *,
        seed_distance: float = 0.5,
        foreground_distance: float = 0.0,
        landscape: str = "binary",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        for key, depth in (("SEED_DISTANCE", seed_distance), ("FOREGROUND_DISTANCE", foreground_distance)):
            if not -1 <= depth < 1:
                raise ValueError(f"{key} must be in [-1, 1), got {depth}")
        if landscape not in ("binary", "distance"):
            raise ValueError(f"LANDSCAPE must be 'binary' or 'distance', got '{landscape}'")
        self.seed_distance, self.foreground_distance = seed_distance, foreground_distance
        self.landscape = landscape

    def is_seed(self, maps: Maps) -> NDArray[np.bool_]:
        """Where seeds are, (*S)."""
        return super().is_seed(maps) & (maps["distance"] > self.seed_distance)

    def is_foreground(self, maps: Maps) -> NDArray[np.bool_]:
        """Where nuclei may be, (*S)."""
        return super().is_foreground(maps) & (maps["distance"] > self.foreground_distance)

    def height(self, maps: Maps) -> NDArray[np.float32]:
        """The landscape that is flooded, (*S): low in nuclei."""
        return -maps[self.landscape]
