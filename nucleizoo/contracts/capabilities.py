"""What only some methods and datasets can do; callers check with `isinstance`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@runtime_checkable
class Translator(Protocol):
    """A method that translates pictures of one domain into the other."""

    def to_image(self, source: Tensor) -> Tensor:
        """Source (B, source_channels, *S) -> picture of the image domain (B, channels, *S), in [-1, 1]."""

    def to_source(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) -> picture of the source domain (B, source_channels, *S), in [-1, 1]."""


@runtime_checkable
class ContentCoder(Protocol):
    """A method that encodes the content of a picture apart from its domain."""

    def encode(self, picture: Tensor, domain: str) -> Tensor:
        """The content of pictures.

        Args:
            picture: (B, C, *S) in [-1, 1], *S multiples of `divisor`.
            domain: of the pictures, 'image' or 'source'.

        Returns:
            (B, K, ...), K channels; their shape is up to the method.
        """


@runtime_checkable
class Interpolator(Protocol):
    """A method whose domain label can be interpolated between the domains."""

    def between(self, image: Tensor, share: float) -> Tensor:
        """Images (B, C, *S) -> pictures (B, C, *S) with `share` of the source domain, all in [-1, 1].

        A share of 0 reconstructs the images, 1 translates them.
        """


@runtime_checkable
class IntensityMatcher(Protocol):
    """A dataset whose pictures have been given the distribution of intensities of other pictures."""

    def intensities(self) -> dict[str, NDArray[np.float32]]:
        """Intensities in [-1, 1], drawn at random but always the same.

        Returns:
            'source' (N), as they were; 'reference' (M), of the other pictures; 'matched' (N), 'source' as it
            is given.
        """
