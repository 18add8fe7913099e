"""The interface of decoders: maps back to instance labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.rules import Maps, Rules


class Decoder:
    """Maps -> instance labels: built as `Entry(**settings)`.

    A decoder implements `rules`, which serve for images in memory and for volumes larger than memory. One
    that cannot be written as rules overrides `__call__` instead, and decodes in memory only.
    """

    reads: ClassVar[frozenset[str]] = frozenset()
    """Names of the target channels it needs."""

    less_memory: ClassVar[str] = "choose settings of INFERENCE.DECODER that give smaller connected components"
    """What the user can do when a connected component does not fit in memory; ends a message."""

    def rules(self, voxels: Voxels) -> Rules:
        """The rules that turn maps into labels.

        Settings that are lengths or sizes are in voxels that the network sees, so that they hold for files
        of any resolution: `voxels.along` and `voxels.number` convert them.

        Args:
            voxels: of the maps that are decoded.

        Raises:
            UserError: for a decoder that has none.
        """
        raise UserError(
            f"the decoder {type(self).__name__} has no rules and decodes in memory only; predict without "
            "blocks, or use another INFERENCE.DECODER"
        )

    def __call__(self, maps: Maps, voxels: Voxels | None = None) -> NDArray[np.int32]:
        """Decode maps to instance labels.

        Args:
            maps: channel name -> (*S) in the channel's range, finite.
            voxels: of the maps; None for cubes that the network saw.

        Returns:
            Labels (*S), 0 = background, 1..n numbered by first voxel in raster order;
            all zero when there is no nucleus.
        """
        dims = next(maps[name].ndim for name in self.reads)
        return self.rules(voxels or Voxels(dims))(maps)
