"""Labels as they are, for methods that give labels and no maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts import Channel, Target
from nucleizoo.kinds import TARGETS
from nucleizoo.ops.labels.digits import to_digits


@TARGETS.register("labels")
class LabelTarget(Target):
    """The numbers of the nuclei as digits 'low', 'middle', 'high', which the decoder `labels` reads.

    No network can learn them: they are for other programs, whose labels pass through unchanged.
    """

    channels = tuple(Channel(name, "sigmoid", is_number=True) for name in ("low", "middle", "high"))

    def encode(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S), 0 = background -> digits (3, *S) in [0, 1]; `spacing` is not used.

        Raises:
            ValueError: for a label of 2**24 or more.
        """
        return to_digits(labels)

    def likelihood(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Digits (3, *S) -> 1 in nuclei, 0 elsewhere, (*S)."""
        return np.asarray((maps > 0).any(axis=0), np.float32)

    def as_image(self, maps: Tensor) -> Tensor:
        """Digits (B, 3, *S) in [0, 1] -> picture in [-1, 1], background black."""
        return 2 * maps - 1

    def from_image(self, picture: Tensor) -> Tensor:
        """Picture (B, 3, *S) in [-1, 1] -> digits in [0, 1]."""
        return (picture + 1) / 2
