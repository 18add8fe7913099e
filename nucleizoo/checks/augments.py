"""What augments promise: labels move along with their pictures."""

from __future__ import annotations

import numpy as np

from nucleizoo.checks.check import expect
from nucleizoo.checks.toys import SIZES
from nucleizoo.contracts import Augment, Sample
from nucleizoo.core.registry import Recipe


def cuts_to_size_and_moves_labels_along(recipe: Recipe, dims: int) -> None:
    """It cuts to size, and moves labels and the clean picture along."""
    augment: Augment = recipe()
    size = SIZES[dims]
    labels = np.zeros(augment.reach(size), np.int32)
    labels[..., : labels.shape[-1] // 2] = 7
    image = (labels[None] > 0).astype(np.float32) * 2 - 1
    for seed in range(5):
        made = augment(Sample(image, labels, image.copy()), np.random.default_rng(seed), size)
        assert made.image is not None and made.clean is not None and made.labels is not None
        for name, part, wanted in (
            ("image", made.image, (1, *size)), ("clean", made.clean, (1, *size)),
            ("labels", made.labels, size),
        ):  # fmt: skip
            expect(part.shape == wanted, f"'{name}' is {part.shape}, not {wanted}")
        numbers = set(np.unique(made.labels).tolist())
        expect(numbers <= {0, 7}, f"of the label 7 it makes {sorted(numbers)}; labels are not interpolated")
        agree = float(((made.clean[0] > 0) == (made.labels == 7)).mean())
        expect(agree > 0.95, f"labels fit the clean picture at {agree:.0%} of the voxels; move both alike")


def draws_from_its_generator_alone(recipe: Recipe, dims: int) -> None:
    """The same generator gives the same sample."""
    augment: Augment = recipe()
    size = SIZES[dims]
    picture = np.random.default_rng(0).random((1, *augment.reach(size)), np.float32) * 2 - 1
    sample = Sample(picture, (picture[0] > 0).astype(np.int32))
    made = []
    for world in (1, 2):
        np.random.seed(world)
        made.append(augment(sample, np.random.default_rng(3), size))
    one, other = (np.append(made.image, made.labels) for made in made)  # type: ignore[arg-type]
    expect(np.array_equal(one, other), "it gives another sample; draw from the generator 'rng' alone")
