"""How a method calls a network, by the role in which it serves; see `kinds` for roles.

A 'translator' and a 'segmenter' are called with a picture (B, C, *S) in [-1, 1] and give logits
(B, out_channels, *S); a 'critic' is called with a picture and gives scores (B, 1, *S'), a 'multi-head critic'
is built with the number of heads as a third argument and gives (B, heads, *S'). The other roles have a
protocol here. All are `nn.Module`s, and can be differentiated twice.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class DomainCoder(Protocol):
    """Role 'domain coder': one network for both domains, which is told the domain of what it sees or makes.

    Attributes:
        encoder: the part that `encode` trains, so that a method may train it apart from the decoder.
    """

    encoder: nn.Module

    def encode(self, picture: Tensor, domain: Tensor) -> Tensor:
        """Picture (B, C, *S) in [-1, 1], its domain (B, 2) one-hot -> content (B, K, *S'); *S' divides *S."""

    def decode(self, content: Tensor, domain: Tensor) -> Tensor:
        """Content, the domain wanted (B, 2), which may lie between both -> picture (B, C, *S) in [-1, 1]."""


@runtime_checkable
class StyleCoder(Protocol):
    """Role 'style coder': one network per domain, which separates content from style.

    Content of one domain decoded by the network of the other, with a style of that one, is a translation.

    Attributes:
        style_channels: K of styles, of which a method may draw its own.
    """

    style_channels: int

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Picture (B, C, *S) in [-1, 1] -> content (B, K', *S'), style (B, K); *S' divides *S."""

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Content (B, K', *S'), style (B, K) of any picture -> picture (B, out_channels, *S) in [-1, 1]."""


@runtime_checkable
class VariationalCoder(Protocol):
    """Role 'variational coder': encodes a distribution of contents, and decodes a content by a domain label.

    Attributes:
        content_channels: K of contents, which a critic may judge.
        stride: S / S'.
    """

    content_channels: int
    stride: int

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Picture (B, C, *S) in [-1, 1] -> mean and logarithm of the variance of its content, (B, K, *S')."""

    def decode(self, content: Tensor, domain: Tensor) -> Tensor:
        """Content, the domain wanted (B, 2), which may lie between both -> picture (B, C, *S) in [-1, 1]."""


@runtime_checkable
class DomainCritic(Protocol):
    """Role 'domain critic': one network for both domains."""

    def __call__(self, picture: Tensor, domain: Tensor) -> Tensor:
        """Picture (B, C, *S) in [-1, 1], the domain claimed (B, 2) one-hot -> scores (B, 1, *S')."""


@runtime_checkable
class DistributionCritic(Protocol):
    """Role 'distribution critic': judges all pictures of a batch together, by a profile of their values."""

    def profile(self, picture: Tensor) -> Tensor:
        """Pictures (B, C, *S) in [-1, 1] -> (1, K) in [-0.5, 0.5]; a method may add noise to it."""

    def __call__(self, profile: Tensor) -> Tensor:
        """A profile (1, K) -> score (1, 1)."""
