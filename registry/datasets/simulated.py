"""Two simulated modalities with the same distribution of nuclei, to try and score domain adaptation.

Both draw labels as `synthetic` does and render them, so that the true labels are known in both. The pictures
imitate what makes the task of [1] hard: dark textured nuclei among membranes, and bright blurred ones on a
dark background. They imitate no instrument, and scores on them say nothing about real data.

References:
    [1] Lauenburg et al., "Instance segmentation of unlabeled modalities via cyclic segmentation GAN", 2022.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import DataSpec, Sample
from nucleizoo.kinds import DATASETS, SCALINGS
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.synthesis import rendering

from .synthetic import Synthetic


class Simulated(Synthetic):
    """Synthetic nuclei with a picture of them; a new one per sample.

    Raises:
        ValueError: when the experiment has more than one channel.
    """

    gives = frozenset({"image", "labels"})

    def __init__(self, spec: DataSpec, **settings: Any) -> None:
        if spec.channels != 1:
            raise ValueError(
                f"simulated pictures have one channel, but DATASET.CHANNELS is {spec.channels}; set it to 1"
            )
        self.voxel = voxel_shape(spec.spacing, spec.dims)
        super().__init__(spec, **settings)

    @classmethod
    def reader(cls, plain: Callable[..., Any], spec: DataSpec, **settings: Any) -> Any:
        """For pictures written by `nucleizoo sample`: floats in [0, 1], which are not scaled."""
        return plain(spec, scaling=SCALINGS.recipe("dtype"))

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Place nuclei and render them: image (1, *size), labels (*size).

        Raises:
            SynthesisError: when every nucleus would be larger than the crop.
        """
        labels = super().sample(rng, size).labels
        assert labels is not None
        picture = self.render(labels, rng)
        return Sample(2 * picture[None] - 1, labels, spacing=self.spec.spacing)

    @property
    def radius(self) -> float:
        """Radius of a typical nucleus, in pixels of the last axis."""
        return sum(self.semi_axis) / 2

    @abstractmethod
    def render(self, labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Labels (*S) -> their picture (*S) in [0, 1]."""


@DATASETS.register("simulated_em")
class SimulatedEM(Simulated):
    """Simulated electron microscopy with labels: dark textured nuclei, membranes, lost sections.

    Args:
        noise: standard deviation of the camera noise, as a share of the intensity range.
        missing: probability that a section (a plane of a volume) is lost and black.
        invert: invert intensities, so that nuclei are bright, as SCALING.INVERT does for files.
        settings: of `synthetic`: SEMI_AXIS, ECCENTRICITY, COUNT, PATCH, GAP.

    Raises:
        ValueError: for a value out of range.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        noise: float = 0.04,
        missing: float = 0.02,
        invert: bool = False,
        **settings: Any,
    ) -> None:
        if not 0 <= noise < 1:
            raise ValueError(f"NOISE must be at least 0 and below 1, got {noise}")
        if not 0 <= missing <= 1:
            raise ValueError(f"MISSING must be a probability in [0, 1], got {missing}")
        self.noise, self.missing, self.invert = noise, missing, invert
        super().__init__(spec, **settings)

    def render(self, labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.float32]:
        """See `rendering.electron`."""
        picture = rendering.electron(
            labels, rng, radius=self.radius, voxel=self.voxel, noise=self.noise, missing=self.missing
        )
        return 1 - picture if self.invert else picture


@DATASETS.register("simulated_exm")
class SimulatedExM(Simulated):
    """Simulated expansion (fluorescence) microscopy with labels: bright nuclei, blurred most along z.

    Args:
        brightness: range that the brightness of each nucleus is drawn from, in (0, 1].
        blur: standard deviation of the blur within planes, in pixels of the last axis.
        blur_z: the same along z, in the same unit; unused in 2D.
        haze: out-of-focus light, as a share of that in focus.
        photons: number at the brightest intensity; fewer make more noise.
        settings: of `synthetic`: SEMI_AXIS, ECCENTRICITY, COUNT, PATCH, GAP.

    Raises:
        ValueError: for a value out of range.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        brightness: tuple[float, ...] = (0.3, 1.0),
        blur: float = 1.2,
        blur_z: float = 3.0,
        haze: float = 0.15,
        photons: float = 60.0,
        **settings: Any,
    ) -> None:
        if len(brightness) != 2 or not 0 < brightness[0] <= brightness[1] <= 1:
            raise ValueError(f"BRIGHTNESS must be a range [low, high] within (0, 1], got {list(brightness)}")
        if min(blur, blur_z, haze) < 0:
            raise ValueError(f"BLUR, BLUR_Z and HAZE must not be negative, got {blur}, {blur_z} and {haze}")
        if photons <= 0:
            raise ValueError(f"PHOTONS must be above 0, got {photons}")
        self.brightness = (brightness[0], brightness[1])
        self.blur = (blur_z, blur, blur)[3 - spec.dims :]
        self.haze, self.photons = haze, photons
        super().__init__(spec, **settings)

    def render(self, labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.float32]:
        """See `rendering.fluorescence`."""
        return rendering.fluorescence(
            labels,
            rng,
            radius=self.radius,
            voxel=self.voxel,
            brightness=self.brightness,
            blur=self.blur,
            haze=self.haze,
            photons=self.photons,
        )
