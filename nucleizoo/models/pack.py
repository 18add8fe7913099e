"""From a run folder to a model that can ship: half the bytes, and a card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nucleizoo import build
from nucleizoo.core.files import atomic
from nucleizoo.models.card import WEIGHTS, Card, digest
from nucleizoo.runs import Run, origin


def pack(
    run: Run,
    folder: Path,
    *,
    about: str,
    command: str,
    scores: dict[str, dict[str, float]],
    before: Run | None = None,
) -> Card:
    """Write config, weights in float16, an example of input and output, and the card of a run.

    The mean of weights before and after further training is often better than both [1].

    Args:
        run: any run.
        folder: for the model, whose name becomes the model's; made if missing.
        about: one sentence.
        command: that trained the run.
        scores: data set -> score by name.
        before: a run or model of the same networks, from which the run started: the mean of both is packed.

    [1] Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(
        (run.path / "config.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with safe_open(run.path / WEIGHTS, "pt") as opened:
        values = {name: opened.get_tensor(name) for name in opened.keys()}
        metadata = {key: one.split()[0] for key, one in opened.metadata().items()}  # not the run's hashes
    if before is not None:
        older = load_file(before.path / WEIGHTS)
        values = {
            name: (one + older[name].to(one)) / 2 if one.is_floating_point() else one
            for name, one in values.items()
        }
    half = {name: one.half() if one.dtype == torch.float32 else one for name, one in values.items()}
    with atomic(folder / WEIGHTS) as part:
        save_file(half, part, metadata)
    _write_example(folder)
    begun = origin(run.begun)
    card = Card(
        name=folder.name, about=about, dims=len(run.config.DATASET.SIZE), command=command,
        commit=begun["commit"], date=begun["date"], steps=run.iteration,
        hours=round(max((row["seconds"] for row in run.log()), default=0.0) / 3600, 1),
        hardware=begun["hardware"],
        licence="MIT; trained on synthetic data only", sha256=digest(folder / WEIGHTS), scores=scores,
    )  # fmt: skip
    card.write(folder)
    return card


def _write_example(folder: Path) -> None:
    """A crop of the training and the maps that the packed weights make of it, both in float16."""
    opened = Run.open(folder)
    size = tuple(opened.config.DATASET.SIZE)
    image = build.source_dataset(opened.config).sample(np.random.default_rng(0), size).image
    assert image is not None
    half = image.astype(np.float16)
    with torch.no_grad():
        maps = opened.method().eval()(torch.from_numpy(half.astype(np.float32))[None])[0].numpy()
    np.savez_compressed(folder / "example.npz", image=half, maps=maps.astype(np.float16))
