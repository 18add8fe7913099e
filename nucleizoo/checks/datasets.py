"""What datasets promise: samples that depend on the generator alone, of the size asked for."""

from __future__ import annotations

import pickle
import random
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nucleizoo.checks.check import NotApplicableError, expect
from nucleizoo.checks.entry import Entry
from nucleizoo.checks.files import filled, write
from nucleizoo.checks.processes import starter
from nucleizoo.checks.toys import small
from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.core.plugins import load_plugins
from nucleizoo.training.randomness import seed_everything

SIZES: dict[int, Sequence[tuple[int, ...]]] = {
    2: [(64, 48), (48, 80), (97, 61)],
    3: [(40, 40, 48), (33, 48, 40)],
}
"""Crops to ask for, some of them larger than the pictures in the files."""


class Opened:
    """A dataset of some dimensions, opened once for all of its checks.

    Attributes:
        entry: the dataset's.
        dims: 2 or 3.
    """

    def __init__(self, entry: Entry, dims: int) -> None:
        self.entry, self.dims = entry, dims

    @property
    def dataset(self) -> Dataset:
        """It.

        Raises:
            NotApplicableError: when it does not open, which a check of its own tells.
        """
        if isinstance(self.outcome, Exception):
            raise NotApplicableError("it does not open, see above")
        return self.outcome

    @cached_property
    def outcome(self) -> Dataset | Exception:
        """It, or the error that keeps it from opening."""
        root = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, root)
        write(root, self.dims)
        spec = DataSpec(self.dims, root=root, size=SIZES[self.dims][0])
        try:
            made: Dataset = filled(small(self.entry.recipe), root, self.dims)(spec)
        except Exception as error:  # of code that is on trial; `opens` raises it
            return error
        return made


def opens(opened: Opened) -> None:
    """It opens, with files where settings want some.

    Settings called path, images and labels get folders of TIFF files, one called run a finished run.
    """
    if isinstance(opened.outcome, Exception):
        raise opened.outcome


def draws_from_its_generator_alone(opened: Opened) -> None:
    """A sample is drawn from its generator, and from nothing else."""
    dataset, size = opened.dataset, SIZES[opened.dims][0]
    samples = {}
    for world in (1, 2):
        seed_everything(world)
        before = _global_state()
        samples[world] = [drawn(dataset, seed, size) for seed in range(3)]
        expect(_global_state() == before, "it uses up random numbers of the whole program; draw from 'rng'")
    expect(samples[1] == samples[2], "one generator gives different samples; draw from 'rng' alone")
    expect(
        any(one != samples[1][0] for one in samples[1][1:]), "whatever the generator, the sample is the same"
    )


def gives_what_it_says(opened: Opened) -> None:
    """A sample has the size asked for, and what 'gives' says."""
    dataset = opened.dataset
    expect(
        dataset.gives and dataset.gives <= {"image", "labels"},
        f"'gives' is {set(dataset.gives) or 'empty'}; it is of 'image' and 'labels'",
    )
    for seed, size in enumerate(SIZES[opened.dims]):
        sample = dataset.sample(np.random.default_rng(seed), size)
        _expect_promised(dataset, sample)
        for part in (sample.image, sample.labels, sample.clean):
            found = size if part is None else part.shape[-len(size) :]
            expect(found == size, f"asked for {size}, it gives {found}")


def gives_no_more_than_asked(opened: Opened) -> None:
    """A sample of at most a size is no larger, and the same again."""
    dataset = opened.dataset
    for seed, size in enumerate(SIZES[opened.dims]):
        sample, again = (dataset.sample_at_most(np.random.default_rng(seed), size) for _ in range(2))
        _expect_promised(dataset, sample)
        for part, twin in ((sample.image, again.image), (sample.labels, again.labels)):
            if part is not None:
                expect(np.array_equal(part, twin), "one generator gives different samples")  # type: ignore[arg-type]
                found = part.shape[-len(size) :]
                fits = all(0 < n <= m for n, m in zip(found, size, strict=True))
                expect(fits, f"asked for at most {size}, it gives {found}")


def draws_the_same_elsewhere(opened: Opened) -> None:
    """A copy in another process draws the same."""
    dataset = opened.dataset
    with ProcessPoolExecutor(1, starter()) as pool:
        for seed, size in enumerate(SIZES[opened.dims]):
            there = pool.submit(_drawn_elsewhere, pickle.dumps(dataset), opened.entry.plugins, seed, size)
            expect(
                there.result() == drawn(dataset, seed, size),
                "a copy of it draws another sample; workers that prepare batches hold such copies",
            )


def drawn(dataset: Dataset, seed: int, size: tuple[int, ...]) -> dict[str, Any]:
    """One sample as something to compare: every part of it as its type, shape and bytes."""
    sample = dataset.sample(np.random.default_rng(seed), size)
    parts = {"image": sample.image, "labels": sample.labels, "clean": sample.clean}
    bits = {
        name: None if part is None else (str(part.dtype), part.shape, part.tobytes())
        for name, part in parts.items()
    }
    return bits | {"spacing": sample.spacing}


def _drawn_elsewhere(
    pickled: bytes, plugins: Sequence[str], seed: int, size: tuple[int, ...]
) -> dict[str, Any]:
    """The same by a pickled copy, for a process that has just started."""
    load_plugins(plugins)
    return drawn(pickle.loads(pickled), seed, size)


def _expect_promised(dataset: Dataset, sample: Sample) -> None:
    """Types, ranges and axes of `contracts.Sample`; the parts are of one size."""
    given = {name for name in ("image", "labels") if getattr(sample, name) is not None}
    expect(given == dataset.gives, f"a sample holds {sorted(given)}, but 'gives' is {sorted(dataset.gives)}")
    shapes = set()
    for name, picture in (("image", sample.image), ("clean", sample.clean)):
        if picture is not None:
            expect(picture.dtype == np.float32, f"'{name}' is {picture.dtype}, not float32")
            expect(picture.shape[0] == 1, f"'{name}' has {picture.shape[0]} channels, not 1")
            fits = np.isfinite(picture).all() and np.abs(picture).max() <= 1
            expect(fits, f"'{name}' leaves [-1, 1]: {picture.min():.3g} to {picture.max():.3g}")
            shapes.add(picture.shape[1:])
    if sample.labels is not None:
        expect(sample.labels.dtype == np.int32, f"labels are {sample.labels.dtype}, not int32")
        expect(sample.labels.min() >= 0, "a label is negative")
        shapes.add(sample.labels.shape)
    expect(len(shapes) == 1, f"the parts of a sample have different sizes: {shapes}")
    expect(
        len(sample.spacing) in (0, len(shapes.pop())), f"spacing {sample.spacing} has not one edge per axis"
    )


def _global_state() -> tuple[object, ...]:
    return random.getstate(), pickle.dumps(np.random.get_state()), bytes(torch.get_rng_state().numpy())
