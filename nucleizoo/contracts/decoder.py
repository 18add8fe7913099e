"""What a decoder is: maps back to instance labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


class Decoder(ABC):
    """Maps -> instance labels: built as `Entry(**settings)`."""

    reads: ClassVar[frozenset[str]] = frozenset()
    """Names of the target channels it needs."""

    @abstractmethod
    def __call__(
        self, maps: dict[str, NDArray[np.float32]], spacing: tuple[float, ...] = ()
    ) -> NDArray[np.int32]:
        """Decode.

        Args:
            maps: channel name -> (*S) in the channel's range, finite.
            spacing: voxel size in micrometres, in axis order; () means isotropic.

        Returns:
            Labels (*S), 0 = background, 1..n numbered by first voxel in raster order;
            all zero when there is no nucleus.
        """
