"""Pictures of both domains on their way to the other and back [1].

[1] Lauenburg et al., Instance segmentation of unlabeled modalities via cyclic segmentation GAN, 2022,
    figure of augmented, translated, reconstructed and clean pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nucleizoo import build
from nucleizoo.core.errors import UserError
from nucleizoo.figures import drawing
from nucleizoo.figures.crops import Picture, finished, plane
from nucleizoo.figures.panel import bright, panel
from nucleizoo.metrics.files import write_rows
from nucleizoo.training.batches import Batches

TITLES = ("clean", "augmented", "translated", "reconstructed")
NEEDS = frozenset({"image", "image_clean", "source", "source_clean"})


def translation(
    run: str | Path,
    out: str | Path,
    *,
    count: int = 3,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Path:
    """Draw training crops clean, augmented as in training, translated, and translated back.

    The crops are the first of the run's own training, of its own files.

    Args:
        run: folder of a finished run, of a method that translates.
        out: folder for `translation.png` (a row per crop, of images and of the source) and `translation.csv`
            (mean absolute differences to the clean crop, of intensities from 0 black to 1 white).
        count: number of crops of each domain.
        plugins: plugin files that the run needs.
        overrides: KEY VALUE pairs for INFERENCE, DATASET.IMAGE and SYSTEM.

    Returns:
        The PNG.

    Raises:
        UserError: for a run or data that cannot be used.
    """
    if count < 1:
        raise UserError(f"COUNT must be 1 or more, got {count}")
    folder = drawing.prepare(out, "translation", {"translation": ("domain", "crop")})
    segmenter = finished(run, plugins, overrides)
    config, across = segmenter.config, {"image": segmenter.to_source, "source": segmenter.to_image}
    batch = Batches(
        build.image_dataset(config), build.source_dataset(config), build.augment(config), segmenter.target,
        size=config.DATASET.SIZE, batch=count, seed=config.SYSTEM.SEED, needs=NEEDS,
    )[0]  # fmt: skip
    rows, table = [], []
    for domain, other in (("image", "source"), ("source", "image")):
        for crop in range(count):
            clean, augmented = (batch[key][crop].numpy() for key in (f"{domain}_clean", domain))
            translated = across[domain](augmented)
            back = across[other](translated)
            shown = (clean, augmented, translated, back)
            rows.append((f"{domain} {crop}", [bright(plane(one)) for one in shown]))
            table.append(_measured(domain, crop, clean, augmented, back))
    write_rows(folder / "translation.csv", table)
    name = Path(run).resolve().name
    return panel(
        rows, TITLES, folder / "translation.png", f"crops of {name} on their way to the other domain and back"
    )


def _measured(domain: str, crop: int, clean: Picture, augmented: Picture, back: Picture) -> dict[str, Any]:
    far = {"augmented": augmented, "reconstructed": back}
    differences = {name: round(float(np.abs(one - clean).mean() / 2), 4) for name, one in far.items()}
    return {"domain": domain, "crop": crop} | differences
