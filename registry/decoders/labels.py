"""The labels that a method gives, as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Decoder
from nucleizoo.kinds import DECODERS
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.components import renumber
from nucleizoo.ops.labels.digits import from_digits
from nucleizoo.ops.labels.rules import Maps


@DECODERS.register("labels")
class LabelDecoder(Decoder):
    """Reads the target `labels`: every voxel keeps its nucleus, and nuclei are numbered in raster order."""

    reads = frozenset({"low", "middle", "high"})

    def __call__(self, maps: Maps, voxels: Voxels | None = None) -> NDArray[np.int32]:
        """Digits (*S) each -> labels (*S)."""
        return renumber(from_digits(np.stack([maps[name] for name in ("low", "middle", "high")])))
