"""Rough size and number of nuclei, measured on unlabelled images.

A threshold and a watershed find enough whole nuclei to measure, though not all: this is only about the
range of sizes and numbers that synthetic masks should have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import feature, filters, measure, segmentation

from nucleizoo.ops.image.geometry import ball_radius

Image = NDArray[np.floating[Any]]
Labels = NDArray[np.int32]

STRETCH = (1, 99.8)
"""Percentiles that become 0 and 1."""

FAINT = 0.2
"""Share of Otsu's threshold that a nucleus must exceed: most nuclei are dimmer than the brightest few."""

CRUMB = 0.3
"""Share of the median size below which an object is debris, or a piece of a nucleus."""

UNSEEN = 1.25
"""Largest ratio of all nuclei to those that a threshold finds where they are crowded."""

WINDOW = {2: (256, 256), 3: (64, 128, 128)}
"""Pixels of the window that numbers of nuclei refer to; smaller images are windows themselves."""

ROUNDS, WINDOWS = 4, 10  # corrections of the radius; windows counted per image

SMALL = 0.25
"""Share of the usual window below which a picture is too small to count nuclei in."""

LONGEST = 0.99
"""Largest eccentricity measured (seven times as long as wide), because masks of more cannot be drawn."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes and numbers of nuclei, in pixels of the last axis.

    Attributes:
        dark: whether nuclei are darker than the background.
        semi_axis: 10th and 90th percentile of the major semi-axis.
        eccentricity: 10th and 90th percentile, in the plane of the longest and the shortest axis.
        count: 5th percentile of the number of nuclei in a window, and 1.25 times the 95th, because dim ones
            are not found.
        window: voxels that `count` refers to.
        labels: the nuclei found, one array per image; those at the edge and debris are not measured.
    """

    dark: bool
    semi_axis: tuple[float, float]
    eccentricity: tuple[float, float]
    count: tuple[int, int]
    window: tuple[int, ...]
    labels: list[Labels]

    def in_voxels(self, spacing: tuple[float, ...]) -> Sizes:
        """The same with the window in anisotropic voxels, of a size in micrometres, in axis order."""
        if len(self.window) < 3 or not spacing:
            return self
        depth = max(1, round(self.window[0] * spacing[2] / spacing[0]))
        return replace(self, window=(depth, *self.window[1:]))


def measure_sizes(images: Sequence[Image]) -> Sizes:
    """Measure nuclei.

    Args:
        images: (Y, X) or (Z, Y, X) each, any range, with cubic voxels.

    Raises:
        ValueError: when no nucleus is found, or there is no image.
    """
    if not images:
        raise ValueError("there are no images to measure")
    shown = [_stretched(image) for image in images]
    dark = float(np.mean([_is_bright_field(image) for image in shown])) > 0.5
    if dark:
        shown = [1 - image for image in shown]
    radius = float(np.median([_first_radius(image) for image in shown]))
    for _ in range(ROUNDS):
        labels = [_nuclei(image, radius) for image in shown]
        nuclei = [one for found in labels for one in measure.regionprops(_whole(found))]  # type: ignore[no-untyped-call]
        if not nuclei:
            raise ValueError("no nucleus was found")
        sizes = np.array([one.area for one in nuclei], float)
        whole = sizes > CRUMB * np.median(sizes)
        before, radius = radius, (radius + ball_radius(float(np.median(sizes[whole])), shown[0].ndim)) / 2
        if abs(before - radius) < 0.25:
            break
    axes = np.array([_axes(one) for one, good in zip(nuclei, whole, strict=True) if good])
    bent = np.minimum(np.sqrt(1 - np.clip(axes[:, 1] / axes[:, 0], 0, 1) ** 2), LONGEST)
    window, numbers = _count(labels, CRUMB * float(np.median(sizes)))
    low, high = np.percentile(numbers, (5, 95))
    return Sizes(
        dark,
        _range(axes[:, 0]),
        _range(bent),
        (max(1, int(low)), max(1, math.ceil(UNSEEN * float(high)))),
        window,
        labels,
    )


def _stretched(image: Image) -> Image:
    low, high = np.percentile(image, STRETCH)
    return np.asarray(np.clip((image.astype(float) - low) / max(high - low, 1e-9), 0, 1))


def _is_bright_field(image: Image) -> bool:
    """Whether the most frequent intensity, the background's, is in the upper half."""
    counts, edges = np.histogram(ndimage.gaussian_filter(image, 1), 64)
    return bool(edges[counts.argmax()] > 0.5)


def _first_radius(image: Image) -> float:
    """Radius from peaks of depth in Otsu's foreground, deep ones weighted more: debris is shallow."""
    smooth = ndimage.gaussian_filter(image, 1)
    depth = ndimage.distance_transform_edt(smooth > filters.threshold_otsu(smooth))  # type: ignore[no-untyped-call]
    peaks = feature.peak_local_max(ndimage.gaussian_filter(depth, 1), min_distance=3, exclude_border=False)  # type: ignore[no-untyped-call]
    depths = depth[tuple(peaks.T)]
    depths = depths[depths > 2]
    return float(np.sqrt(np.average(depths**2, weights=depths**2))) if depths.size else 8.0


def _nuclei(image: Image, radius: float) -> Labels:
    """Nuclei of about a radius: brighter than around them, one per peak of depth and brightness."""
    smooth = ndimage.gaussian_filter(image, max(1.0, radius / 8))
    around = ndimage.gaussian_filter(image, 2.5 * radius)
    mask = (smooth > FAINT * filters.threshold_otsu(smooth)) & (smooth > around)  # type: ignore[no-untyped-call]
    mask = ndimage.binary_fill_holes(ndimage.binary_opening(mask, iterations=max(1, int(radius / 8))))
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), radius / 6)
    bright = ndimage.gaussian_filter(image, radius / 3) / np.maximum(around, 0.05)
    height = depth / radius + bright / 2
    reach = max(2, int(radius / 2))
    peaks = feature.peak_local_max(height, min_distance=reach, labels=mask.astype(int), exclude_border=False)  # type: ignore[no-untyped-call]
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return _to_half_height(np.asarray(segmentation.watershed(-height, seeds, mask=mask), np.int32), image)  # type: ignore[no-untyped-call]


def _to_half_height(labels: Labels, image: Image) -> Labels:
    """Shrink nuclei to where they exceed halfway from background to their mean, so that blur widens none."""
    background = float(np.median(image[labels == 0])) if (labels == 0).any() else 0.0
    counts = np.maximum(np.bincount(labels.ravel()), 1)
    mean = np.bincount(labels.ravel(), image.ravel()) / counts
    kept = ndimage.gaussian_filter(image, 1) > ((mean + background) / 2)[labels]
    return np.where(kept, labels, 0).astype(np.int32)


def _whole(labels: Labels) -> Labels:
    """Labels without the nuclei that the edge of the image plane cuts."""
    mask = np.zeros(labels.shape, bool)
    mask[..., 1:-1, 1:-1] = True
    return np.asarray(segmentation.clear_border(labels, mask=mask))  # type: ignore[no-untyped-call]


def _axes(nucleus: Any) -> tuple[float, float]:
    """Longest and shortest semi-axis of the ellipsoid with the same second moments."""
    moments = np.sort(np.maximum(nucleus.inertia_tensor_eigvals, 0))
    if moments.size == 3:  # inertia of a principal axis is the sum of the other two variances
        variances = moments.sum() / 2 - moments
        return math.sqrt(5 * variances.max()), math.sqrt(5 * max(variances.min(), 0))
    return 2 * math.sqrt(moments[1]), 2 * math.sqrt(moments[0])


def _count(labels: list[Labels], least: float) -> tuple[tuple[int, ...], list[float]]:
    """The median window, and numbers of nuclei in windows of all images, smaller ones scaled up to it."""
    windows = [tuple(map(min, WINDOW[found.ndim], found.shape)) for found in labels]
    usual = sorted(windows, key=math.prod)[len(windows) // 2]
    shares = [math.prod(window) / math.prod(usual) for window in windows]
    numbers = [
        number / share
        for found, window, share in zip(labels, windows, shares, strict=True)
        if share >= SMALL
        for number in _numbers(found, window, least)
    ]
    return usual, numbers


def _numbers(labels: Labels, window: tuple[int, ...], least: float) -> list[int]:
    """Numbers of nuclei centred in random windows, without debris."""
    centres = np.array([one.centroid for one in measure.regionprops(labels) if one.area > least])  # type: ignore[no-untyped-call]
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(WINDOWS):
        start = [int(rng.integers(0, n - w + 1)) for n, w in zip(labels.shape, window, strict=True)]
        inside = (centres >= start) & (centres < np.add(start, window)) if centres.size else np.zeros((0, 2))
        counts.append(int(np.all(inside, axis=1).sum()))
    return counts


def _range(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    low, high = np.percentile(values, (10, 90))
    return float(low), float(high)
