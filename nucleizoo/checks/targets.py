"""What a target promises: maps in their ranges, which can be seen as pictures."""

from __future__ import annotations

import numpy as np
import torch

from nucleizoo.checks.check import expect
from nucleizoo.checks.toys import SIZES, nuclei
from nucleizoo.contracts import Target
from nucleizoo.core.registry import Recipe


def encodes_into_its_ranges(recipe: Recipe, dims: int) -> None:
    """It encodes labels as maps in the ranges of its channels."""
    target: Target = recipe()
    size = SIZES[dims]
    for labels in (nuclei(size), np.zeros(size, np.int32)):
        maps = target.encode(labels)
        expect(maps.dtype == np.float32, f"maps are {maps.dtype}, not float32")
        wanted = (len(target.channels), *size)
        expect(maps.shape == wanted, f"maps are {maps.shape}, but its channels want {wanted}")
        for one, channel in zip(maps, target.channels, strict=True):
            low = 0 if channel.activation == "sigmoid" else -1
            expect(
                one.min() >= low and one.max() <= 1,
                f"'{channel.name}' goes from {one.min():.3g} to {one.max():.3g}, but '{channel.activation}' "
                f"gives [{low}, 1]",
            )


def goes_to_pictures_and_back(recipe: Recipe, dims: int) -> None:
    """Its maps become pictures in [-1, 1], and are the same when they come back."""
    target: Target = recipe()
    batch = torch.from_numpy(target.encode(nuclei(SIZES[dims])))[None]
    picture = target.as_image(batch)
    expect(picture.abs().max() <= 1, f"as_image gives a value of {picture.abs().max():.3g}")
    back = target.from_image(picture)
    expect(back.shape == batch.shape, f"from_image gives {tuple(back.shape)}, not {tuple(batch.shape)}")
    apart = float((back - batch).abs().max())
    expect(apart < 1e-5, f"from_image(as_image(maps)) differs from the maps by {apart:.3g}")
    made = target.activate(batch)
    expect(made.shape == batch.shape, f"activate gives {tuple(made.shape)}, not {tuple(batch.shape)}")


def is_sure_of_true_maps(recipe: Recipe, dims: int) -> None:
    """Of true maps it is sure of all that is nucleus, and of nothing else."""
    target: Target = recipe()
    labels = nuclei(SIZES[dims])
    likelihood = target.likelihood(target.encode(labels))
    expect(
        np.array_equal(likelihood, labels > 0),
        "likelihood is to be 1 in nuclei and 0 elsewhere for maps that encode gave; override it where the "
        "first map is no probability of nucleus",
    )
