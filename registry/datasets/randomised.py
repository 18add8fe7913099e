"""Nuclei of any size, density and appearance, rendered at random: domain randomisation [1, 2].

What is learnt from pictures that vary more than real ones do holds for real ones, of any microscope. No
image is needed, so neither is a licence for one.

References:
    [1] Tobin et al., "Domain randomization for transferring deep neural networks from simulation to the real
        world", 2017.
    [2] Dey et al., "AnyStar: Domain randomized universal star-convex 3D instance segmentation", 2023: the
        same for nuclei in volumes; the paper was read for the order of its steps.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import expand_labels

from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.kinds import DATASETS
from nucleizoo.ops.labels.edges import outlines
from nucleizoo.ops.synthesis.ellipsoids import place
from nucleizoo.ops.synthesis.rendering import shot_noise
from nucleizoo.ops.synthesis.texture import blurred, enlarge, membranes, smooth_noise
from nucleizoo.ops.synthesis.warping import deform, stretch

Light = NDArray[np.float32]
Labels = NDArray[np.int32]
Range = tuple[float, float]

_MARGIN = 12
"""Pixels rendered around a crop, so that light comes in from outside."""


_LOGARITHMIC = ("radius", "density", "stretch", "contrast", "photons")
"""Settings that are drawn log-uniformly."""


@DATASETS.register("randomised")
@dataclass(eq=False)
class Randomised(Dataset):
    """Randomly rendered nuclei with their labels; needs no files, and a new picture is drawn per sample.

    All lengths are in pixels of the last axis. A range is one that a value per picture is drawn from; a
    probability is that of pictures in which the effect occurs at all. Intensities are relative to the
    brightest nuclei.

    Args:
        radius: range of the mean radius of nuclei, drawn log-uniformly.
        spread: range of the largest deviation of a radius from the mean, as a share of it.
        eccentricity: range of the largest eccentricity of nuclei, in [0, 1); 0 is round.
        density: range of the share of the picture that nuclei fill, drawn log-uniformly.
        touching: probability that nuclei may touch; elsewhere a voxel lies between them.
        packed: probability that touching nuclei fill the gaps between them, as in dense tissue.
        overlap: probability that nuclei lie over others and their light adds up, as in a thick section.
        stretch: range of the factor by which all nuclei are longer in one direction, drawn log-uniformly, as
            in an epithelium.
        deformation: range of the smooth displacement of outlines, as a share of the radius.
        flatness: range of the voxels' length along z over that in planes, only in 3D: nuclei are flatter.
        mitotic: range of the share of nuclei that are bright narrow plates.
        contrast: range of the dimmest nuclei's brightness, drawn log-uniformly.
        texture: range of the standard deviation of brightness inside of nuclei.
        grain: range of the size of that texture, as a share of the radius.
        spots: probability of bright spots or dark nucleoli in nuclei.
        rim: probability of a bright or dark rim; of hollow nuclei at the end of its range.
        glow: probability that cytoplasm glows around nuclei.
        blur: range of the standard deviation of the blur, as a share of the radius; 0.3 pixels come on top.
        blur_z: range of the factor of the blur along z, only in 3D.
        haze: range of the share of the light that is out of focus.
        ghosts: probability of nuclei out of focus behind those that are labelled.
        dead: probability of a few nuclei that are several times brighter than all others.
        background: range of the background level.
        uneven: range of the standard deviation of the illumination, as a logarithm.
        debris: probability of bright debris and fibres without labels.
        relief: probability of faint relief and outlines without labels, as of unstained cells.
        dark: probability of an inverted bright-field picture or electron micrograph, nuclei on textured
            ground, as SCALING.INVERT gives it.
        photons: range of the number of photons at the brightest nuclei, drawn log-uniformly.
        read_noise: range of the standard deviation of the camera's noise.
        saturation: range of the share of voxels that are saturated.
        few_bits: probability that there are only 16 to 64 grey levels.
        stripes: probability of stripes along an axis of the plane.
        sections: probability of sections of different brightness, some missing or shifted, only in 3D.
        asinh: the scaling's ASINH with which images will be read.

    Raises:
        ValueError: for a value out of range, or more than one channel.
    """

    spec: DataSpec
    _: KW_ONLY
    radius: Range = (4.0, 16.0)
    spread: Range = (0.05, 0.45)
    eccentricity: Range = (0.4, 0.95)
    density: Range = (0.03, 0.8)
    touching: float = 0.7
    packed: float = 0.3
    overlap: float = 0.25
    stretch: Range = (1.0, 2.6)
    deformation: Range = (0.0, 0.22)
    flatness: Range = (0.7, 2.5)
    mitotic: Range = (0.0, 0.06)
    contrast: Range = (0.1, 0.9)
    texture: Range = (0.0, 0.6)
    grain: Range = (0.1, 0.8)
    spots: float = 0.5
    rim: float = 0.3
    glow: float = 0.4
    blur: Range = (0.02, 0.25)
    blur_z: Range = (1.0, 2.5)
    haze: Range = (0.0, 0.5)
    ghosts: float = 0.3
    dead: float = 0.25
    background: Range = (0.0, 0.25)
    uneven: Range = (0.0, 0.4)
    debris: float = 0.35
    relief: float = 0.25
    dark: float = 0.15
    photons: Range = (15.0, 2000.0)
    read_noise: Range = (0.0, 0.08)
    saturation: Range = (0.0, 0.01)
    few_bits: float = 0.1
    stripes: float = 0.1
    sections: float = 0.3
    asinh: float = 0.1

    gives = frozenset({"image", "labels"})

    def __post_init__(self) -> None:
        if self.spec.channels != 1:
            raise ValueError(
                f"rendered pictures have one channel, but DATASET.CHANNELS is {self.spec.channels}"
            )
        for field in fields(self):
            value, key = getattr(self, field.name), field.name.upper()
            if isinstance(value, tuple):
                if len(value) != 2 or not 0 <= value[0] <= value[1] < math.inf:
                    raise ValueError(
                        f"{key} must be a range [low, high] with 0 <= low <= high, got {list(value)}"
                    )
                if field.name in _LOGARITHMIC and value[0] == 0:
                    raise ValueError(f"{key} must begin above 0, got {list(value)}")
            elif isinstance(value, float | int) and field.name != "asinh" and not 0 <= value <= 1:
                raise ValueError(f"{key} must be a probability in [0, 1], got {value}")
        if self.eccentricity[1] >= 1 or self.stretch[0] < 1 or self.asinh <= 0:
            raise ValueError("ECCENTRICITY must be below 1, STRETCH 1 or more, and ASINH above 0")

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Draw nuclei and render them: image (1, *size), labels (*size)."""
        radius = _log_uniform(rng, self.radius)
        whole = tuple(n + 2 * _MARGIN for n in size)
        labels, scene = self.tissue(rng, whole, radius)
        light = self.camera(rng, self.around(rng, labels, scene, radius), radius)
        inner = tuple(slice(_MARGIN, _MARGIN + n) for n in size)
        seen = self.scaled(rng, light[inner])
        return Sample(2 * seen[None] - 1, _renumbered(labels[inner]), spacing=self.spec.spacing)

    def tissue(self, rng: np.random.Generator, size: tuple[int, ...], radius: float) -> tuple[Labels, Light]:
        """Labels (*size) of nuclei and of what of others lies beneath them, and their light."""
        density, long = _log_uniform(rng, self.density), _log_uniform(rng, self.stretch)
        packed = rng.random() < self.packed
        labels = self.nuclei(rng, size, radius, density, long=long, packed=packed)
        light = self.stained(rng, labels, radius)
        if rng.random() < self.overlap:
            beneath = self.nuclei(rng, size, radius, density, long=long, packed=False)
            light += np.float32(rng.uniform(0.4, 1)) * self.stained(rng, beneath, radius)
            labels = np.where(labels > 0, labels, beneath + (beneath > 0) * labels.max()).astype(np.int32)
        return labels, light

    def nuclei(
        self, rng: np.random.Generator, size: tuple[int, ...], radius: float, density: float, *,
        long: float = 1.0, packed: bool = False,
    ) -> Labels:  # fmt: skip
        """Labels (*size) of deformed ellipses or ellipsoids, some of them plates."""
        dims, spread = len(size), rng.uniform(*self.spread)
        depth = rng.uniform(*self.flatness) if dims == 3 else 1.0
        width = radius / long ** (1 / dims)  # before the stretch
        volume = math.pi * width**2 if dims == 2 else 4 / 3 * math.pi * width**3 / depth
        count = max(1.0, density * math.prod(size) / volume)
        round_, bent = self.eccentricity[0] / 2, rng.uniform(*self.eccentricity)
        labels = place(
            rng,
            size,
            semi_axis=(width * (1 - spread), width * (1 + spread)),
            eccentricity=(min(round_, bent), bent),
            count=(count, count),
            gap=int(rng.random() >= self.touching),
            spacing=(depth, 1.0, 1.0) if dims == 3 else (),
        )
        voxel = (depth, 1.0, 1.0)[-dims:]
        if packed:
            labels = np.asarray(expand_labels(labels, rng.uniform(0.1, 0.7) * width, voxel), np.int32)  # type: ignore[no-untyped-call]
        if long > 1:
            labels = stretch(labels, rng, long)
        amplitude, grain = rng.uniform(*self.deformation) * width, rng.uniform(0.6, 2.0) * width
        labels = deform(labels, rng, amplitude=amplitude, grain=(grain / depth, grain, grain)[-dims:])
        return _plates(rng, labels, rng.uniform(*self.mitotic))

    def stained(self, rng: np.random.Generator, labels: Labels, radius: float) -> Light:
        """The light of nuclei, sharp: (*S), mostly in [0, 1]."""
        dimmest = math.log(_log_uniform(rng, self.contrast))
        stain = np.exp(rng.uniform(dimmest, 0, labels.max() + 1))
        if rng.random() < self.dead:
            stain[rng.integers(0, stain.size, 1 + stain.size // 40)] *= rng.uniform(2, 6)
        stain[0] = 0
        light: Light = stain.astype(np.float32)[labels] * self.chromatin(rng, labels, radius)
        if rng.random() < self.glow:
            light = np.maximum(light, self.cytoplasm(rng, labels, stain, radius))
        return light

    def around(self, rng: np.random.Generator, labels: Labels, light: Light, radius: float) -> Light:
        """The light with that of nuclei out of focus and debris; or on a textured ground."""
        if rng.random() < self.ghosts:
            other = self.nuclei(rng, labels.shape, radius * rng.uniform(0.8, 1.3), rng.uniform(0.05, 0.3))
            ghost = blurred((other > 0).astype(np.float32), rng.uniform(0.3, 1.2) * radius)
            light += np.float32(rng.uniform(0.1, 0.6)) * ghost
        if rng.random() < self.debris:
            grain = rng.uniform(0.15, 1.5) * radius
            field = _noise(rng, labels.shape, grain) - np.float32(rng.uniform(0, 2))
            light += np.float32(rng.uniform(0, 0.4)) * np.clip(field, 0, 2)
        if rng.random() < self.relief:
            light += _relief(rng, labels.shape, radius)
        if rng.random() < self.dark:
            light = self.on_ground(rng, labels, light, radius)
        return light

    def chromatin(self, rng: np.random.Generator, labels: Labels, radius: float) -> Light:
        """The texture of nuclei, of mean 1: grains, spots, and rims."""
        strength, grain = rng.uniform(*self.texture), rng.uniform(*self.grain) * radius
        texture = np.float32(strength) * _noise(rng, labels.shape, grain)
        if rng.random() < self.spots:
            spots = np.clip(_noise(rng, labels.shape, rng.uniform(0.1, 0.4) * radius) - 1.5, 0, 2)
            texture += np.float32(rng.uniform(-1, 1.2)) * spots
        if rng.random() < self.rim:
            inside = ((labels > 0) & (outlines(labels) == 0)).astype(np.float32)
            depth = blurred(inside, rng.uniform(0.15, 0.5) * radius)
            texture += np.float32(rng.uniform(-0.8, 0.8)) * (1 - depth)
        return np.asarray(np.clip(1 + texture, 0.1, 3), np.float32)

    def cytoplasm(
        self, rng: np.random.Generator, labels: Labels, stain: NDArray[np.float64], radius: float
    ) -> Light:
        """Cells around nuclei, each as bright as a share of its nucleus, up to a ragged edge."""
        step = tuple(max(1, round(0.15 * radius)) for _ in labels.shape)
        coarse = labels[tuple(slice(None, None, every) for every in step)]
        far, near = ndimage.distance_transform_edt(coarse == 0, sampling=step, return_indices=True)
        ragged = np.exp(0.3 * _noise(rng, far.shape, rng.uniform(0.8, 2.0) * radius / step[0]))
        reach = rng.uniform(0.5, 2.5) * radius * ragged
        cells = np.where(far < reach, stain[coarse[tuple(near)]], 0) * np.exp(
            -far / (rng.uniform(0.5, 4) * radius)
        )
        light = enlarge(cells.astype(np.float32), labels.shape, step)
        grain = np.float32(rng.uniform(0, 0.5)) * _noise(rng, labels.shape, rng.uniform(0.1, 0.8) * radius)
        return np.asarray(np.float32(rng.uniform(0.1, 0.65)) * light * np.clip(1 + grain, 0.1, 2), np.float32)

    def on_ground(self, rng: np.random.Generator, labels: Labels, light: Light, radius: float) -> Light:
        """Nuclei that differ little from a textured ground with membranes and granules."""
        voxel = (1.0,) * labels.ndim
        fine, slow = (
            _noise(rng, labels.shape, rng.uniform(*grain) * radius) for grain in ((0.1, 0.5), (0.5, 2))
        )
        ground = np.float32(rng.uniform(0.05, 0.5)) * (
            1 + np.float32(rng.uniform(0.1, 0.5)) * fine + 0.2 * slow
        )
        if rng.random() < 0.5:
            edges = np.exp(-((membranes(labels, rng, radius=radius, voxel=voxel) / 0.15) ** 2))
            ground += np.float32(rng.uniform(0, 0.5)) * edges
        envelope = np.float32(rng.uniform(0, 0.5)) * (outlines(labels) > 0)
        return np.where(labels > 0, np.maximum(light, 0.3) + envelope, np.clip(ground, 0, None)).astype(
            np.float32
        )

    def camera(self, rng: np.random.Generator, light: Light, radius: float) -> Light:
        """What a microscope makes of the light: blur, haze, uneven illumination, background and noise."""
        dims = light.ndim
        sharp = 0.3 + rng.uniform(*self.blur) * radius
        along_z = sharp * rng.uniform(*self.blur_z)
        light = ndimage.gaussian_filter(light, (along_z, sharp, sharp)[-dims:], truncate=3)
        light += np.float32(rng.uniform(*self.haze)) * blurred(light, rng.uniform(1, 3) * radius)
        ground = 1 + np.float32(rng.uniform(0, 0.8)) * _noise(rng, light.shape, rng.uniform(2, 10) * radius)
        light += np.float32(rng.uniform(*self.background)) * np.clip(ground, 0, None)
        light *= np.exp(
            np.float32(rng.uniform(*self.uneven)) * _noise(rng, light.shape, rng.uniform(5, 20) * radius)
        )
        if dims == 3 and rng.random() < self.sections:
            light = _sectioned(rng, light)
        if rng.random() < self.stripes:
            axis = int(rng.integers(1, 3))
            across = rng.standard_normal((light.shape[-axis],), dtype=np.float32)
            light += np.float32(rng.uniform(0, 0.06)) * (across[:, None] if axis == 2 else across)
        photons = _log_uniform(rng, self.photons)
        light = shot_noise(np.clip(light, 0, None), rng, photons)
        light += np.float32(rng.uniform(*self.read_noise)) * rng.standard_normal(
            light.shape, dtype=np.float32
        )
        return light

    def scaled(self, rng: np.random.Generator, light: Light) -> Light:
        """Intensities in [0, 1] as a reader gives them, whose percentiles are those of a larger image."""
        low = np.percentile(light, rng.uniform(0, 5))
        high = np.percentile(
            light, 100 - min(100.0, 100 * rng.uniform(*self.saturation) + rng.uniform(0, 0.5))
        )
        if rng.random() < 0.3:  # an image whose brightest nuclei are elsewhere
            high *= rng.uniform(1, 2.5)
        seen = np.clip((light - low) / max(float(high - low), 1e-6), 0, 1)
        if rng.random() < self.few_bits:
            levels = int(rng.integers(16, 65))
            seen = np.rint(seen * levels) / levels
        made: Light = (np.arcsinh(seen / self.asinh) / np.arcsinh(1 / self.asinh)).astype(np.float32)
        return made ** np.float32(math.exp(rng.uniform(-0.3, 0.3)))


def _log_uniform(rng: np.random.Generator, limits: Range) -> float:
    return float(math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1]))))


def _noise(rng: np.random.Generator, shape: tuple[int, ...], grain: float) -> Light:
    return smooth_noise(rng, shape, (grain,) * len(shape))


def _relief(rng: np.random.Generator, shape: tuple[int, ...], radius: float) -> Light:
    """Slopes lit from one side, and closed curves: little light, around 0."""
    field = _noise(rng, shape, rng.uniform(0.3, 2.0) * radius)
    towards = rng.standard_normal(len(shape))
    slope = sum(share * along for share, along in zip(towards, np.gradient(field), strict=True))
    lines = np.exp(-((_noise(rng, shape, rng.uniform(0.5, 2.0) * radius) / rng.uniform(0.05, 0.3)) ** 2))
    lit = rng.uniform(0, 0.06) * slope / np.std(slope) + rng.uniform(-0.08, 0.12) * lines
    return np.asarray(lit, np.float32)


def _plates(rng: np.random.Generator, labels: Labels, share: float) -> Labels:
    """Some nuclei cut to the plate of a metaphase: what is near a plane through their centre."""
    chosen = 1 + np.flatnonzero(rng.random(int(labels.max())) < share)
    boxes = ndimage.find_objects(labels)
    for name in chosen:
        box = boxes[name - 1]
        if box is None:
            continue
        inside = labels[box] == name
        where = np.argwhere(inside) - np.argwhere(inside).mean(0)
        normal = rng.standard_normal(labels.ndim)
        height = np.abs(where @ (normal / np.linalg.norm(normal)))
        thin = height > max(1.0, 0.35 * height.max())
        labels[box][tuple(np.argwhere(inside)[thin].T)] = 0
    return labels


def _sectioned(rng: np.random.Generator, light: Light) -> Light:
    """Planes of their own brightness, some of them missing or shifted."""
    depth = len(light)
    light = light * np.exp(rng.uniform(0, 0.12) * rng.standard_normal((depth, 1, 1))).astype(np.float32)
    if rng.random() < 0.5:
        light[rng.random(depth) < 0.03] = 0
    for plane in np.flatnonzero(rng.random(depth) < rng.choice([0, 0.05])):
        light[plane] = np.roll(light[plane], rng.integers(-2, 3, 2), (0, 1))
    return light


def _renumbered(labels: Labels) -> Labels:
    """The same labels as 1..n."""
    names, renumbered = np.unique(labels, return_inverse=True)
    return np.asarray(renumbered.reshape(labels.shape) + (names[0] > 0), np.int32)
