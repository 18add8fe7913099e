"""Rendering of labels as pictures of electron microscopy and of fluorescence microscopy.

Intensities are in [0, 1], lengths in pixels of the last axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.labels.edges import outlines
from nucleizoo.ops.synthesis.texture import enlarge, in_voxels, membranes, smooth_noise

_CYTOPLASM, _NUCLEUS, _CLUMP, _ENVELOPE, _MEMBRANE, _ORGANELLE = 0.64, 0.42, 0.18, 0.2, 0.35, 0.18
"""Grey levels of an electron micrograph: two, then how much darker structures are than around them."""
_SECTION = 0.03
"""Standard deviation of the brightness from section to section."""
_SIGNAL, _BACKGROUND = 0.65, 0.03
"""Brightness of the brightest nucleus, inside, and of the medium, in a fluorescence picture."""


def electron(
    labels: NDArray[np.int32],
    rng: np.random.Generator,
    *,
    radius: float,
    voxel: tuple[float, ...],
    noise: float,
    missing: float,
) -> NDArray[np.float32]:
    """Render electron microscopy: dark nuclei with chromatin and envelopes, in cells with organelles.

    Args:
        labels: (*S), 0 = background; the nuclei.
        rng: the only source of randomness.
        radius: of a typical nucleus; everything else is in proportion to it.
        voxel: edge lengths of a voxel, in axis order.
        noise: standard deviation of the camera noise.
        missing: probability that a section (a plane of a volume) is lost and black.

    Returns:
        (*S) in [0, 1].
    """
    shape = labels.shape
    fine = smooth_noise(rng, shape, in_voxels(0.18 * radius, voxel))
    slow = smooth_noise(rng, shape, in_voxels(0.8 * radius, voxel))
    cells = _CYTOPLASM - 0.04 * fine
    cells -= _ORGANELLE * np.clip(2.5 * fine - 3, 0, 1)
    cells -= _MEMBRANE * np.exp(-((membranes(labels, rng, radius=radius, voxel=voxel) / 0.15) ** 2))
    nuclei = _NUCLEUS - _CLUMP * np.clip(1.5 * fine, 0, 1)
    picture = np.where(labels > 0, nuclei, cells)
    picture -= _ENVELOPE * (outlines(labels) > 0)
    picture += 0.03 * slow
    picture = ndimage.gaussian_filter(picture, (*[0] * (labels.ndim - 2), 0.6, 0.6), truncate=2)
    picture += np.float32(noise) * rng.standard_normal(shape, dtype=np.float32)
    if labels.ndim == 3:
        picture += np.float32(_SECTION) * rng.standard_normal((shape[0], 1, 1), dtype=np.float32)
        picture[rng.random(shape[0]) < missing] = 0
    seen: NDArray[np.float32] = np.clip(picture, 0, 1)
    return seen


def fluorescence(
    labels: NDArray[np.int32],
    rng: np.random.Generator,
    *,
    radius: float,
    voxel: tuple[float, ...],
    brightness: tuple[float, float],
    blur: tuple[float, ...],
    haze: float,
    photons: float,
) -> NDArray[np.float32]:
    """Render fluorescence: bright nuclei on a dark background, with blur, out-of-focus haze and shot noise.

    Args:
        labels: (*S), 0 = background; the nuclei.
        rng: the only source of randomness.
        radius: of a typical nucleus.
        voxel: edge lengths of a voxel, in axis order.
        brightness: range that the brightness of each nucleus is drawn from, in (0, 1].
        blur: standard deviations of the blur, one per axis.
        haze: light that is blurred over the size of two nuclei, as a share of the rest.
        photons: number at intensity 1; fewer make more noise.

    Returns:
        (*S) in [0, 1].
    """
    stain = rng.uniform(*brightness, int(labels.max()) + 1).astype(np.float32)
    stain[0] = 0
    chromatin = smooth_noise(rng, labels.shape, in_voxels(0.25 * radius, voxel))
    light = stain[labels] * np.clip(1 + 0.25 * chromatin, 0, 2)
    light = ndimage.gaussian_filter(light, np.divide(blur, voxel), truncate=3)
    step = tuple(max(1, round(length)) for length in in_voxels(0.5 * radius, voxel))
    coarse = light[tuple(slice(None, None, every) for every in step)]
    coarse = ndimage.gaussian_filter(coarse, np.divide(in_voxels(2 * radius, voxel), step))
    light += np.float32(haze) * enlarge(coarse, labels.shape, step)
    light *= np.float32(_SIGNAL)
    light += np.float32(_BACKGROUND)
    seen: NDArray[np.float32] = np.minimum(shot_noise(light, rng, photons), 1)
    return seen


def shot_noise(light: NDArray[np.float32], rng: np.random.Generator, photons: float) -> NDArray[np.float32]:
    """Add shot noise: integers with the mean, the variance and nearly the skew of a Poisson distribution.

    (sqrt(n) + z / 2)^2 - 1/4 with a normal z has mean n and variance n + 1/8. It takes a tenth of the
    time of exact Poisson numbers.

    Args:
        light: intensities, at least 0; any shape.
        rng: the only source of randomness.
        photons: number at intensity 1.

    Returns:
        Counts divided by `photons`, same shape.
    """
    counts = np.sqrt(np.float32(photons) * light)
    counts += rng.standard_normal(light.shape, dtype=np.float32) / 2
    counts *= counts
    counts -= np.float32(0.25)
    seen: NDArray[np.float32] = np.maximum(np.rint(counts), 0) / np.float32(photons)
    return seen
