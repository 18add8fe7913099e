"""What a decoder promises: labels that follow from maps."""

from __future__ import annotations

import numpy as np

from nucleizoo.checks.check import expect
from nucleizoo.checks.toys import SIZES, nuclei, target_names
from nucleizoo.contracts import Decoder
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import TARGETS


def finds_the_nuclei_of_true_maps(recipe: Recipe, dims: int) -> None:
    """It finds no nucleus where there is none, and two that lie apart."""
    decoder: Decoder = recipe()
    targets = [name for name in target_names() if decoder.reads <= set(TARGETS.recipe(name)().names)]
    expect(targets, f"no target gives all that it reads: {', '.join(sorted(decoder.reads))}")
    target = TARGETS.recipe(targets[0])()
    apart = nuclei(SIZES[dims])
    apart[..., 12:16] = 0
    for truth, wanted in ((np.zeros_like(apart), 0), (apart, 2)):
        found = decoder(dict(zip(target.names, target.encode(truth), strict=True)))
        expect(found.dtype == np.int32, f"labels are {found.dtype}, not int32")
        expect(found.shape == truth.shape, f"labels are {found.shape}, not {truth.shape}")
        numbers = np.unique(found)
        expect(
            list(numbers) == list(range(wanted + 1)),
            f"of {wanted} nuclei in maps of the target '{targets[0]}' it finds the numbers "
            f"{', '.join(map(str, numbers[:9]))}; they are to be 0 for background, then 1, 2 and so on",
        )
