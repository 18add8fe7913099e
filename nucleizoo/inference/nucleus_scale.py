"""The size of nuclei in an image, and whether they are dark, found by the network itself.

A network that was trained on nuclei of about one size is tried on the image at several zooms. Where nuclei
have the size that it knows, it is surest, and finds them in that size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import add

import numpy as np
from numpy.typing import NDArray

from nucleizoo.io import Volume
from nucleizoo.ops.grid import Box
from nucleizoo.ops.image.geometry import ball_radius
from nucleizoo.ops.image.resize import linear

Picture = NDArray[np.float32]
Labels = NDArray[np.int32]
Segment = Callable[[Picture], tuple[Labels, Picture]]
"""Picture (C, *S) in [-1, 1] -> labels and probability of nucleus, both (*S)."""

WINDOW = {2: (192, 192), 3: (32, 80, 80)}
"""Voxels that the network sees per zoom."""

LOOKED_AT = {2: (2048, 2048), 3: (96, 512, 512)}
"""Voxels of the middle of a file that are looked at."""

OCTAVES = {2: range(-2, 6), 3: range(-1, 5)}
"""Sizes tried: the one that the network knows times 2 to these powers. Smaller ones are not found: a volume
that is magnified more has hundreds of times its voxels, and noise looks like the smallest nuclei.
"""

LEAST = 24
"""Voxels that the network must see along the longest axis; zooms that leave fewer are not tried."""

PENALTY = 0.15
"""What an octave between the size found and the size that the network knows costs, in units of sureness."""

FRAGMENT = 0.25
"""Share of the median size below which an object is debris or a piece of a nucleus."""

CLEAR = 0.85
"""The score above which what was found is not in doubt, and nothing else is tried."""

COMPARED = 3
"""How many of the best are measured at their own zoom, where none is clear: there the right one is surer."""

ROUNDS = 2
"""Corrections of the zoom."""

DOUBT = 0.4
"""The score below which nothing is believed."""

KEPT = 0.5
"""Share of magnified nuclei that are seen at half the magnification too, at least."""


@dataclass(frozen=True)
class Scale:
    """How nuclei look in a file.

    Attributes:
        diameter: of the disc or ball as large as a typical nucleus, in pixels of the last axis.
        dark: whether nuclei are darker than what is around them.
        score: how sure the network is of them, 1 at most.
        density: their number per voxel where they were looked for; 0 if they were not.
    """

    diameter: float
    dark: bool
    score: float
    density: float = 0.0


def find(segment: Segment, looks: dict[bool, Picture], nominal: float, diameter: float = 0.0) -> Scale | None:
    """Find size and polarity, or polarity alone.

    Args:
        segment: applies the network.
        looks: the image (C, *S) in [-1, 1] by whether nuclei are taken for dark, of cubic voxels, as the
            network would see it without zoom; one or both. The second is not tried if the first is `CLEAR`.
        nominal: diameter of the nuclei that the network knows, in pixels.
        diameter: that of the nuclei in the image, where it is known; 0 finds it.

    Returns:
        What was found; None where there is no nucleus at any zoom, or none that can be believed.
    """
    dims = next(iter(looks.values())).ndim - 1
    diameters = [diameter] if diameter else [nominal * 2.0**octave for octave in OCTAVES[dims]]
    tried = list[Scale]()
    for dark, image in looks.items():
        if any(one.score > CLEAR for one in tried):
            break
        every = (_tried(segment, image, size, dark, nominal) for size in diameters)
        tried += [one for one in every if one]
    ranked = sorted(tried, key=_score, reverse=True)
    if diameter:
        return replace(ranked[0], diameter=diameter) if ranked else None
    clear = bool(ranked) and ranked[0].score > CLEAR
    near = 1 if clear else COMPARED
    for group in (ranked[:near], *([one] for one in ranked[near:])):
        measured = [_refined(segment, looks[one.dark], one, nominal, diameters[0]) for one in group]
        for best in sorted(measured, key=_score, reverse=True):
            if best.score > DOUBT and _is_seen_from_afar(segment, looks[best.dark], best, nominal):
                return best
    return None


def _score(one: Scale) -> float:
    return one.score


def _refined(segment: Segment, image: Picture, best: Scale, nominal: float, least: float) -> Scale:
    """The same, measured at its own zoom; of no less than the least diameter."""
    for _ in range(ROUNDS):
        again = _tried(segment, image, best.diameter, best.dark, nominal)
        if again is None or again.score < best.score - PENALTY:
            break
        best = replace(again, diameter=math.sqrt(best.diameter * again.diameter))
    return replace(best, diameter=max(least, best.diameter))


def _is_seen_from_afar(segment: Segment, image: Picture, found: Scale, nominal: float) -> bool:
    """Whether nuclei that were magnified are sure, or seen at half of it too; noise is neither."""
    if found.score > CLEAR or found.diameter >= nominal / 2:
        return True
    whole, half = (_tried(segment, image, times * found.diameter, found.dark, nominal) for times in (1, 2))
    return whole is not None and half is not None and half.density > KEPT * whole.density


def middle(shape: tuple[int, ...]) -> Box:
    """The middle of a picture or volume (*S), where it is too large to be looked at whole."""
    starts = [max(0, (n - most) // 2) for n, most in zip(shape, LOOKED_AT[len(shape)], strict=True)]
    ends = map(add, starts, LOOKED_AT[len(shape)])
    return tuple(slice(start, min(n, end)) for start, n, end in zip(starts, shape, ends, strict=True))


def central(volume: Volume) -> Volume:
    """The middle of a file in memory."""
    space = {axis: volume.data.shape[volume.axes.index(axis)] for axis in volume.spatial}
    cut = dict(zip(space, middle(tuple(space.values())), strict=True))
    return replace(volume, data=volume.data[tuple(cut.get(axis, slice(None)) for axis in volume.axes)])


def _tried(segment: Segment, image: Picture, diameter: float, dark: bool, nominal: float) -> Scale | None:
    """What is found when nuclei are taken to have a diameter; None if nothing is."""
    zoom = nominal / diameter
    if max(image.shape[1:]) * zoom < LEAST:
        return None
    most = WINDOW[image.ndim - 1]
    window = _window(image, tuple(math.ceil(n / zoom) for n in most))
    shape = tuple(min(m, max(1, round(n * zoom))) for n, m in zip(window.shape[1:], most, strict=True))
    labels, chance = segment(np.stack([linear(channel, shape) for channel in window]))
    cut = [axis for axis, (n, m) in enumerate(zip(window.shape, image.shape, strict=True)) if n < m]
    sizes = np.bincount(labels.ravel())
    sizes[[0, *_at_border(labels, [axis - 1 for axis in cut])]] = 0
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return None
    found = _diameter(sizes, labels.ndim)
    sure = float(np.abs(2 * chance - 1).mean() * chance[labels > 0].mean())
    score = sure - PENALTY * abs(math.log2(found / nominal))
    return Scale(found / zoom, dark, score, len(sizes) / math.prod(window.shape[1:]))


def _window(image: Picture, size: tuple[int, ...]) -> Picture:
    """A part (C, *size) or smaller of an image (C, *S), with more contrast than most others."""
    starts = [range(0, max(n - w, 0) + 1, max(1, w // 2)) for n, w in zip(image.shape[1:], size, strict=True)]
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), -1).reshape(-1, len(size))
    parts = [
        image[(slice(None), *(slice(c, c + w) for c, w in zip(corner, size, strict=True)))]
        for corner in corners.tolist()
    ]
    step = (slice(None), *(slice(None, None, max(1, w // 32)) for w in size))
    contrasts = [float(part[step].std()) for part in parts]
    return parts[int(np.argsort(contrasts)[int(0.8 * (len(parts) - 1) + 0.5)])]


def _at_border(labels: Labels, axes: Sequence[int]) -> list[int]:
    """The labels at both ends of some axes, where a window cuts nuclei."""
    faces = [np.take(labels, end, axis) for axis in axes for end in (0, -1)]
    return np.unique(np.concatenate([face.ravel() for face in faces])).tolist() if faces else []


def _diameter(sizes: NDArray[np.int64], dims: int) -> float:
    """Of the disc or ball as large as the median nucleus, fragments left out."""
    return 2 * ball_radius(float(np.median(sizes[sizes > FRAGMENT * np.median(sizes)])), dims)
