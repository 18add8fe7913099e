"""Histogram matching: pictures of one domain get the histogram of another, the simplest adaptation [1].

[1] Lauenburg et al., "Instance segmentation of unlabeled modalities via cyclic segmentation GAN", 2022,
    section 3: histogram matching, then segmentation, in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Dataset, DataSpec, Sample, Scaling
from nucleizoo.core.errors import UserError
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DATASETS
from nucleizoo.ops.image.histogram_matching import Table

VALUES = 2**14
"""Intensities drawn at random from each crop."""


@DATASETS.register("matched_images")
class MatchedImages(Dataset):
    """Pictures whose intensities are mapped to the distribution of another domain's; no labels.

    For DATASET.IMAGE: the images to be segmented are made to look like the labelled ones, in training
    and in prediction. All pictures are mapped by one table, which is estimated again from the same crops
    whenever the dataset is opened, so prediction needs the files of both domains.

    Args:
        source: dataset of the pictures.
        reference: dataset with the distribution that they are mapped to.
        draws: number of crops of each dataset, in the size of training crops, that the table is estimated
            from.

    Raises:
        ValueError: when one of the two has no pictures, or `draws` is not above 0.
        UserError: when one of the two cannot be opened.

    Differs: [1] matches whole volumes. Large empty borders shift the table there as well as here.
    """

    gives = frozenset({"image"})

    def __init__(
        self,
        spec: DataSpec,
        *,
        source: Recipe = DATASETS.recipe("images"),
        reference: Recipe = DATASETS.recipe("labelled"),
        draws: int = 64,
    ) -> None:
        for key, part, wanted in (("SOURCE", source, self.gives), ("REFERENCE", reference, {"image"})):
            if lacks := wanted - DATASETS.get(part.name).gives:
                raise ValueError(f"{key} '{part.name}' has no {' and no '.join(sorted(lacks))}")
        if draws < 1:
            raise ValueError(f"DRAWS must be 1 or more, got {draws}")
        self.source: Dataset = source(spec)
        other: Dataset = reference(spec)
        self.files = [*self.source.used_files(), *other.used_files()]
        self.drawn = _intensities(self.source, spec, draws), _intensities(other, spec, draws)
        self.table = Table.matching(*self.drawn)

    def intensities(self) -> dict[str, NDArray[np.float32]]:
        """The intensities that the table was estimated from, and the source's as it maps them."""
        source, reference = self.drawn
        return {"source": source, "reference": reference, "matched": self.table(source)}

    def used_files(self) -> Sequence[Path]:
        """Those of both domains."""
        return self.files

    @classmethod
    def reader(cls, plain: Callable[..., Any], spec: DataSpec, **settings: Any) -> Any:
        """A reader that reads files as `source` does, and maps their intensities.

        Raises:
            UserError: when one of the two domains cannot be opened.
        """
        wrapped: Recipe = settings["source"]
        made = DATASETS.get(wrapped.name).reader(plain, spec, **wrapped.settings)
        try:
            made.scaling = Mapped(made.scaling, cls(spec, **settings).table)
        except UserError as error:
            raise UserError(
                f"to match histograms as in training, prediction needs the files of both domains: {error}; "
                "restore them, or set DATASET.IMAGE.SOURCE and DATASET.IMAGE.REFERENCE to where they are now"
            ) from error
        return made

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A sample of `source`, its intensities mapped."""
        sample = self.source.sample(rng, size)
        assert sample.image is not None, "a dataset that gives images returned none"
        clean = None if sample.clean is None else self.table(sample.clean)
        return replace(sample, image=self.table(sample.image), clean=clean)


@DATASETS.register("matched")
class Matched(MatchedImages):
    """Labelled pictures whose intensities are mapped to the distribution of another domain's.

    For DATASET.SOURCE: the labelled pictures are made to look like the images to be segmented.

    Args:
        source: dataset of the pictures and labels.
        reference: dataset with the distribution that the pictures are mapped to.
        settings: of `matched_images`.

    Raises:
        ValueError: when one of the two lacks pictures or labels.
    """

    gives = frozenset({"image", "labels"})

    def __init__(
        self,
        spec: DataSpec,
        *,
        source: Recipe = DATASETS.recipe("labelled"),
        reference: Recipe = DATASETS.recipe("images"),
        **settings: Any,
    ) -> None:
        super().__init__(spec, source=source, reference=reference, **settings)


class Mapped(Scaling):
    """Another scaling followed by a table, which maps intensities as networks see them, in [-1, 1]."""

    def __init__(self, scaling: Scaling, table: Table) -> None:
        super().__init__(over=scaling.over)
        self.scaling, self.table = scaling, table

    def limits(self, raw: NDArray[np.generic]) -> tuple[float, float]:
        """The limits of the other scaling."""
        return self.scaling.limits(raw)

    def between(self, raw: NDArray[np.generic], low: float, high: float) -> NDArray[np.float32]:
        """Linear scaling, as by the other scaling."""
        return self.scaling.between(raw, low, high)

    def curve(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """The curve of the other scaling, then the table."""
        mapped = self.table(2 * self.scaling.curve(scaled) - 1)
        mapped += 1
        mapped /= 2
        return mapped


def _intensities(dataset: Dataset, spec: DataSpec, draws: int) -> NDArray[np.float32]:
    """Intensities in [-1, 1] at random positions of random crops, always the same."""
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(draws):
        image = dataset.sample(rng, spec.size).image
        assert image is not None, "a dataset that gives images returned none"
        drawn.append(rng.choice(image.ravel(), VALUES))
    return np.concatenate(drawn)
