"""The interface of decoders: maps back to instance labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
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

    def rules(self, dims: int, spacing: tuple[float, ...] = ()) -> Rules:
        """The rules that turn maps into labels.

        Args:
            dims: number of spatial axes.
            spacing: voxel size in micrometres, in axis order; () means isotropic.

        Raises:
            ValueError: when `spacing` does not fit the axes.
            UserError: for a decoder that has none.
        """
        raise UserError(
            f"the decoder {type(self).__name__} has no rules and decodes in memory only; predict without "
            "blocks, or use another INFERENCE.DECODER"
        )

    def __call__(self, maps: Maps, spacing: tuple[float, ...] = ()) -> NDArray[np.int32]:
        """Decode maps to instance labels.

        Args:
            maps: channel name -> (*S) in the channel's range, finite.
            spacing: voxel size in micrometres, in axis order; () means isotropic.

        Returns:
            Labels (*S), 0 = background, 1..n numbered by first voxel in raster order;
            all zero when there is no nucleus.

        Raises:
            ValueError: when `spacing` does not fit the axes.
        """
        dims = next(maps[name].ndim for name in self.reads)
        return self.rules(dims, spacing)(maps)
