"""Images decoded with a domain label that moves from image to source [1].

[1] Yao et al., AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
    training, 2021, figure of the interpolated domain label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.figures import drawing
from nucleizoo.figures.crops import Picture, finished, plane, tiles
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.metrics.files import write_rows
from nucleizoo.preprocess import Scan

ROWS = 6
"""Maximum number of images drawn, evenly taken from all; the table has every image."""


@dataclass(frozen=True)
class Row:
    """One image: the input crop, and its content decoded with every label."""

    name: str
    picture: Picture
    decoded: list[Picture]


def interpolation(
    run: str | Path,
    inputs: Iterable[str | Path],
    out: str | Path,
    *,
    steps: int = 7,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Path:
    """Decode the content of images with the domain label moving from image (1, 0) to source (0, 1).

    From every image the window with most contrast is used, as large as a training crop.

    Args:
        run: folder of a finished run, of a method with a domain label.
        inputs: images, files or folders.
        out: folder for `interpolation.png` (a row per image, a column per label) and `interpolation.csv`
            (`share` of the source in the label; `foreground`, the share of pixels that the run's decoder
            treats as nuclei, and their number; `mean` of the picture, 0 black and 1 white).
        steps: number of labels, with both ends.
        plugins: plugin files that the run needs.
        overrides: KEY VALUE pairs for INFERENCE, DATASET.IMAGE and SYSTEM.

    Returns:
        The PNG.

    Raises:
        UserError: for a run, an image or a folder that cannot be used.
    """
    if steps < 2:
        raise UserError(f"STEPS must be 2 or more, since both ends are shown; got {steps}")
    folder = drawing.prepare(out, "interpolation", {"interpolation": ("image", "share")})
    segmenter = finished(run, plugins, overrides)
    shares = np.linspace(0, 1, steps)
    rows, table = [], []
    for path in io.find_pictures(*inputs):
        scans = segmenter.read(path)
        for index, scan in enumerate(scans):
            name = path.name if len(scans) == 1 else f"{path.name} {index}"
            part = _striking(scan, segmenter.config.DATASET.SIZE)
            row = Row(name, part.image, [segmenter.between(part.image, float(share)) for share in shares])
            rows.append(row)
            table += [
                {"image": name, "share": round(float(share), 4)} | _measured(segmenter, part, decoded)
                for share, decoded in zip(shares, row.decoded, strict=True)
            ]
    write_rows(folder / "interpolation.csv", table)
    return _drawn(rows[:: -(-len(rows) // ROWS)], shares.tolist(), folder / "interpolation.png")


def _striking(scan: Scan, size: tuple[int, ...]) -> Scan:
    """The window of a scan with most contrast, since the middle may be empty."""
    picture = max(tiles(scan.image, size), key=np.std)
    zooms = [n / working for n, working in zip(scan.shape, scan.image.shape[1:], strict=True)]
    shape = tuple(max(1, round(n * zoom)) for n, zoom in zip(size, zooms, strict=True))
    return Scan(picture, scan.spacing, shape, scan.file_spacing, scan.magnification)


def _measured(segmenter: Segmenter, part: Scan, picture: Picture) -> dict[str, Any]:
    """How much of a picture the run's decoder treats as nuclei, and how bright it is."""
    maps = segmenter.target.from_image(torch.from_numpy(picture)[None])[0].numpy()
    labels = segmenter.decode(part, maps).labels
    return {
        "foreground": round(float((labels > 0).mean()), 4),
        "nuclei": int(labels.max()),
        "mean": round(float((picture.mean() + 1) / 2), 4),
    }


def _drawn(rows: Sequence[Row], shares: Sequence[float], path: Path) -> Path:
    figure = drawing.sheet(1.5 * (len(shares) + 1), 1.5 * len(rows) + 0.6)
    axes = figure.subplots(len(rows), len(shares) + 1, squeeze=False)
    titles = ["input", *(f"{1 - share:.2f}, {share:.2f}" for share in shares)]
    for row, places in zip(rows, axes, strict=True):
        places[0].set_ylabel(row.name, fontsize=8)
        for place, picture in zip(places, [row.picture, *row.decoded], strict=True):
            place.imshow(plane(picture), cmap="gray", vmin=-1, vmax=1)
            place.set_xticks([])
            place.set_yticks([])
    for place, title in zip(axes[0], titles, strict=True):
        place.set_title(title, fontsize=8)
    figure.suptitle("the content of an image, decoded with the domain label (image, source)", fontsize=10)
    return drawing.write(figure, path)
