"""Sliding-window prediction of a large image, blended so that no seams show."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from nucleizoo.ops.nn.blending import LINEAR, Terms, WindowWeights
from nucleizoo.ops.nn.layout import channels_last


def slide(
    predict: Callable[[Tensor], Tensor],
    image: Tensor,
    window: tuple[int, ...],
    overlap: float = 0.5,
    blending: Terms = LINEAR,
) -> Tensor:
    """Apply `predict` window by window and blend the results.

    Args:
        predict: (1, C, *window) -> (1, K, *window).
        image: (1, C, *S); axes shorter than the window are extended by reflection and cropped again.
        window: pixels per axis.
        overlap: share of a window that overlaps the next, in [0, 1).
        blending: how windows are weighted where they overlap; see `contracts.Blending`.

    Returns:
        (1, K, *S) float32: the weighted mean of all windows that cover a pixel.

    Raises:
        ValueError: when window and image have different numbers of axes, or for an overlap outside [0, 1).
    """
    shape = tuple(image.shape[2:])
    if len(window) != len(shape):
        raise ValueError(f"WINDOW {window} has {len(window)} axes, but the image has {len(shape)}")
    if not 0 <= overlap < 1:
        raise ValueError(f"OVERLAP must be at least 0 and below 1, got {overlap}")
    image = extend(image, tuple(max(s, w) for s, w in zip(shape, window, strict=True)))
    extent = tuple(image.shape[2:])
    begins = [starts(n, w, overlap) for n, w in zip(extent, window, strict=True)]
    blend = WindowWeights(blending, window, begins, extent)
    weight, total = blend.weights.to(image.device), None
    for corner in itertools.product(*begins):
        place = tuple(slice(c, c + w) for c, w in zip(corner, window, strict=True))
        here = (slice(None), slice(None), *place)
        part = predict(image[here]).float()
        if total is None:
            total = part.new_zeros(1, part.shape[1], *extent)
        total[here].addcmul_(part, weight)
    assert total is not None
    return cut(blend.divide(total[0], tuple(slice(0, n) for n in extent))[None], shape)


def starts(length: int, window: int, overlap: float) -> list[int]:
    """Where windows begin along one axis: evenly spread, the last one ending at the border."""
    if length <= window:
        return [0]
    step = max(1, int(window * (1 - overlap)))
    count = -(-(length - window) // step) + 1
    return [round(i * (length - window) / (count - 1)) for i in range(count)]


def fitted(
    window: tuple[int, ...], shape: tuple[int, ...], overlap: float, divisor: int = 1
) -> tuple[int, ...]:
    """The smallest window that covers an image (*S) with as many steps as `window` does.

    A smaller image is seen whole, and a larger one without windows that overlap more than asked for. The
    result is a multiple of the network's divisor, or `window` where that is smaller.
    """
    return tuple(_fitted(most, length, overlap, divisor) for length, most in zip(shape, window, strict=True))


def _fitted(most: int, length: int, overlap: float, divisor: int) -> int:
    count = len(starts(length, most, overlap))
    made = padded(math.ceil(length / (1 + (count - 1) * (1 - overlap))), divisor)
    while made < most and len(starts(length, made, overlap)) > count:  # a step was rounded down
        made += divisor
    return min(made, most)


def extend(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Grow (B, C, *S) to at least `shape` at the far ends, by reflection as often as needed."""
    for axis, wanted in enumerate(shape, start=2):
        while (missing := wanted - image.shape[axis]) > 0:
            mirrored = image.flip(axis).narrow(axis, 0, min(missing, image.shape[axis]))
            image = torch.cat([image, mirrored], dim=axis)
    return image


def cut(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Crop (B, C, *S) to `shape`: undoes `extend`."""
    for axis, size in enumerate(shape, start=2):
        image = image.narrow(axis, 0, size)
    return image


def padded_and_cropped(network: Callable[[Tensor], Tensor], image: Tensor, divisor: int) -> Tensor:
    """Apply a network to (B, C, *S) of any size: pad to multiples of `divisor`, apply, crop to *S."""
    padded = to_multiple(image, divisor)
    return cut(
        network(padded.contiguous(memory_format=channels_last(image.ndim - 2))), tuple(image.shape[2:])
    )


def to_multiple(image: Tensor, divisor: int) -> Tensor:
    """Grow every spatial axis of (B, C, *S) by reflection, as the network needs it: see `padded`."""
    return extend(image, tuple(padded(size, divisor) for size in image.shape[2:]))


def padded(length: int, divisor: int) -> int:
    """The next multiple of a network's divisor, at least twice it.

    Then an axis has two cells at the network's coarsest level, as reflection padding needs.
    """
    return max(2, -(-length // divisor)) * divisor
