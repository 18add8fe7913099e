"""The interface of datasets: one domain's pictures, or its labels, or both, as random crops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.registry import schema


@dataclass(frozen=True)
class DataSpec:
    """What all datasets of one experiment share.

    Attributes:
        dims: 2 for images, 3 for volumes.
        channels: channels a picture must have.
        root: the folder that relative paths start from.
        spacing: the voxel size, micrometres in axis order, that data is resampled to;
            () leaves every file at its own.
        size: of the training crops; () when there is no training.
    """

    dims: int
    channels: int = 1
    root: Path = Path()
    spacing: tuple[float, ...] = ()
    size: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One training crop.

    Attributes:
        image: (C, *S) float32 in [-1, 1]; None for a dataset of labels alone.
        labels: (*S) int32, 0 = background; None for an unlabelled dataset.
        clean: the same crop before degradation; None when it was not degraded.
        spacing: voxel size in micrometres, in axis order; () when unknown.
    """

    image: NDArray[np.float32] | None = None
    labels: NDArray[np.int32] | None = None
    clean: NDArray[np.float32] | None = None
    spacing: tuple[float, ...] = ()


class Dataset(ABC):
    """One domain's data: built as `Entry(spec, **settings)`, ready to sample from."""

    gives: ClassVar[frozenset[str]] = frozenset()
    """What a sample holds: 'image', 'labels' or both."""

    @classmethod
    def reader(cls, plain: Callable[..., Any], spec: DataSpec, **settings: Any) -> Any:
        """Build the reader of new files for prediction, which reads them as this dataset does in training.

        Args:
            plain: class that reads files, built as `plain(spec, **its settings)`.
            spec: of the experiment.
            settings: of this entry; by default, those that `plain` knows are passed on.

        Raises:
            ValueError: for a setting that is out of range.
        """
        known = schema(plain)
        return plain(spec, **{key: value for key, value in settings.items() if key in known})

    @classmethod
    def unmeasured(cls, settings: Mapping[str, Any]) -> frozenset[str]:
        """Names of the settings left empty, to be measured on images before training."""
        return frozenset()

    @classmethod
    def measured(
        cls, images: Sequence[NDArray[np.float32]], spacing: tuple[float, ...] = ()
    ) -> dict[str, Any]:
        """Settings by name, measured on images without labels.

        Args:
            images: (Y, X) or (Z, Y, X) each, with cubic voxels.
            spacing: voxel size of the training, micrometres in axis order; () when unknown.

        Raises:
            ValueError: when there is nothing to measure.
        """
        return {}

    def used_files(self) -> Sequence[Path]:
        """The files that samples are drawn from; none for a dataset that makes its samples."""
        return ()

    def straight(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A picture of a sample, in [-1, 1], with its intensities scaled linearly, without a curve."""
        return image

    def sample_at_most(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Draw a random crop of `size`, or smaller where the picture is smaller."""
        return self.sample(rng, size)

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Draw a random crop of exactly `size`; all randomness comes from `rng`."""


class Augment(ABC):
    """Random variation of a sample: built as `Entry(**settings)`."""

    def reach(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The crop size to draw, so that `size` is left after this augmentation."""
        return size

    @abstractmethod
    def __call__(self, sample: Sample, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Vary a sample of `reach(size)` and cut it to `size`; labels and clean copy are varied alike."""
