"""What a method may be able to do beyond segmenting; who wants it asks by `isinstance`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Translator(Protocol):
    """A method that makes pictures of one domain of those of the other."""

    def to_image(self, source: Tensor) -> Tensor:
        """Source (B, source_channels, *S) -> picture of the image domain (B, channels, *S), in [-1, 1]."""

    def to_source(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) -> picture of the source domain (B, source_channels, *S), in [-1, 1]."""


@runtime_checkable
class ContentCoder(Protocol):
    """A method that knows what is to be seen apart from the domain that it is seen in."""

    def encode(self, picture: Tensor, domain: str) -> Tensor:
        """The content of pictures.

        Args:
            picture: (B, C, *S) in [-1, 1], *S multiples of `divisor`.
            domain: 'image' or 'source', that of the pictures.

        Returns:
            (B, K, ...), K channels of any shape that the method likes.
        """


@runtime_checkable
class Interpolator(Protocol):
    """A method whose domain label can stand between the domains."""

    def between(self, image: Tensor, share: float) -> Tensor:
        """Images (B, C, *S) -> pictures (B, C, *S) with `share` of the source domain, all in [-1, 1].

        A share of 0 gives the images again, one of 1 translates them.
        """
