"""Distributions of intensities before and after histogram matching [1].

[1] Lauenburg et al., Instance segmentation of unlabeled modalities via cyclic segmentation GAN, 2022,
    supplement, figure of histograms and cumulative distributions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo import api, build
from nucleizoo.contracts import Dataset, IntensityMatcher
from nucleizoo.core.errors import UserError
from nucleizoo.figures import drawing
from nucleizoo.kinds import DATASETS
from nucleizoo.metrics.files import write_rows

BINS = 128
"""Of the histograms, over the whole range."""
_OPEN = {"IMAGE": build.image_dataset, "SOURCE": build.source_dataset}
_STYLES = {"source": "-", "reference": "-", "matched": "--"}


def histograms(
    cfg: str | Path, out: str | Path, *, overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> Path:
    """Draw the histograms and cumulative distributions of a dataset that matches histograms.

    Args:
        cfg: configuration whose DATASET.SOURCE or DATASET.IMAGE matches histograms.
        out: folder for `histograms.png` and `histograms.csv` (a row per bin: its middle, 0 black and 1
            white, and for source, reference and matched source the share of pixels in it and up to it).
        overrides: KEY VALUE pairs applied to the configuration.
        plugins: plugin files that the configuration needs.

    Returns:
        The PNG.

    Raises:
        UserError: for a configuration without such a dataset, or data that cannot be used.
    """
    config = api.load_config(cfg, overrides, plugins)
    names = {domain: config.DATASET[domain].NAME for domain in _OPEN}
    matching = [name for name in DATASETS.names() if issubclass(DATASETS.get(name), IntensityMatcher)]
    if not (able := [domain for domain, name in names.items() if name in matching]):
        raise UserError(
            f"{cfg}: neither DATASET.IMAGE '{names['IMAGE']}' nor DATASET.SOURCE '{names['SOURCE']}' matches "
            f"histograms; use a configuration with {' or '.join(matching)}"
        )
    folder = drawing.prepare(out, "histograms", {"histograms": ("dataset", "intensity")})
    drawn = {f"DATASET.{domain}": _shares(_OPEN[domain](config)) for domain in able}
    middles = (np.arange(BINS) + 0.5) / BINS
    table = [
        {"dataset": dataset, "intensity": round(float(middles[i]), 5)}
        | {name: round(float(share[i]), 6) for name, share in shares.items()}
        | {f"{name}, cumulative": round(float(share[: i + 1].sum()), 6) for name, share in shares.items()}
        for dataset, shares in drawn.items()
        for i in range(BINS)
    ]
    write_rows(folder / "histograms.csv", table)
    return _drawn(drawn, middles, folder / "histograms.png")


def _shares(dataset: Dataset) -> dict[str, NDArray[np.float64]]:
    """The share of pixels in every bin, by 'source', 'reference' and 'matched'."""
    assert isinstance(dataset, IntensityMatcher)
    found = dataset.intensities()
    counts = {name: np.histogram((all_ + 1) / 2, BINS, (0, 1))[0] for name, all_ in found.items()}
    return {name: count / max(count.sum(), 1) for name, count in counts.items()}


def _drawn(
    drawn: Mapping[str, Mapping[str, NDArray[np.float64]]], middles: NDArray[np.float64], path: Path
) -> Path:
    figure = drawing.sheet(10, 3.6 * len(drawn))
    rows = figure.subplots(len(drawn), 2, squeeze=False)
    for (dataset, shares), (left, right) in zip(drawn.items(), rows, strict=True):
        for colour, (name, share) in zip(drawing.COLOURS, shares.items(), strict=False):
            line = {"color": colour, "linestyle": _STYLES[name], "label": name}
            left.step(middles, share, where="mid", **line)
            right.step(middles, share.cumsum(), where="mid", **line)
        left.set_yscale("log")
        left.set_ylabel("share of pixels")
        right.set_ylabel("share of pixels up to it")
        far = {name: abs(shares[name].cumsum() - shares["reference"].cumsum()).max() for name in _STYLES}
        left.set_title(f"{dataset}: histograms", fontsize=10)
        right.set_title(
            "cumulative; largest distance to the reference\n"
            f"{far['source']:.3f} before matching, {far['matched']:.3f} after",
            fontsize=10,
        )
        for place in (left, right):
            place.set_xlabel("intensity, 0 black and 1 white")
            place.grid(alpha=0.3)
        left.legend()
    return drawing.write(figure, path)
