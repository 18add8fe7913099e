"""Two datasets as one, such as a few labelled images, and rendered nuclei, of which there are always more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DATASETS


@DATASETS.register("mixed")
class Mixed(Dataset):
    """Labelled pictures of two datasets, each sample from one of them at random.

    Args:
        first: dataset of pictures and labels, whose files prediction would read.
        second: another.
        share: probability of a sample of `first`, in [0, 1].

    Raises:
        ValueError: when one of the two lacks pictures or labels, or `share` is out of range.
        UserError: when one of the two cannot be opened.
    """

    gives = frozenset({"image", "labels"})

    def __init__(
        self,
        spec: DataSpec,
        *,
        first: Recipe = DATASETS.recipe("labelled"),
        second: Recipe = DATASETS.recipe("randomised"),
        share: float = 0.5,
    ) -> None:
        for key, part in (("FIRST", first), ("SECOND", second)):
            if lacks := self.gives - DATASETS.get(part.name).gives:
                raise ValueError(f"{key} '{part.name}' has no {' and no '.join(sorted(lacks))}")
        if not 0 <= share <= 1:
            raise ValueError(f"SHARE must be from 0 to 1, got {share}")
        self.first: Dataset = first(spec)
        self.second: Dataset = second(spec)
        self.share = share

    @classmethod
    def reader(cls, plain: Callable[..., Any], spec: DataSpec, **settings: Any) -> Any:
        """A reader that reads files as `first` does."""
        part: Recipe = settings["first"]
        return DATASETS.get(part.name).reader(plain, spec, **part.settings)

    def used_files(self) -> Sequence[Path]:
        """Those of both."""
        return [*self.first.used_files(), *self.second.used_files()]

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A sample of one of the two."""
        return self._drawn(rng).sample(rng, size)

    def sample_at_most(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A sample of one of the two, no larger than its picture."""
        return self._drawn(rng).sample_at_most(rng, size)

    def _drawn(self, rng: np.random.Generator) -> Dataset:
        return self.first if rng.random() < self.share else self.second
