"""The nuclei that several runs find in the same images, such as trainings with more and more nuclei [1].

[1] Yao et al., AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
    training, 2021, figures of masks by method and by number of nuclei.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.figures import drawing
from nucleizoo.figures.crops import finished, plane
from nucleizoo.figures.names import distinct_names
from nucleizoo.figures.panel import bright, coloured, panel
from nucleizoo.metrics.files import write_rows


def masks(
    runs: Sequence[str | Path],
    inputs: Iterable[str | Path],
    out: str | Path,
    *,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Path:
    """Draw the nuclei that each run finds, beside the image; of volumes the middle plane.

    Args:
        runs: folders of finished runs, a column each.
        inputs: images, files or folders.
        out: folder for `masks.png` (a row per image, `panel.ROWS` at most) and `masks.csv` (a row per image
            and run: number of nuclei, and their share of the pixels).
        plugins: plugin files that the runs need.
        overrides: KEY VALUE pairs for INFERENCE, DATASET.IMAGE and SYSTEM, for all runs.

    Returns:
        The PNG.

    Raises:
        UserError: for a run, an image or a folder that cannot be used.
    """
    folder = drawing.prepare(out, "masks", {"masks": ("image", "run")})
    files, named = io.find_pictures(*inputs), distinct_names(runs)
    pictures, table = dict[str, list[NDArray[Any]]](), list[dict[str, Any]]()
    for name, run in named.items():
        segmenter = finished(run, plugins, overrides)
        for path in files:
            scans = segmenter.read(path)
            for index, scan in enumerate(scans):
                image = path.name if len(scans) == 1 else f"{path.name} {index}"
                labels = segmenter.segment(scan).labels
                pictures.setdefault(image, [bright(plane(scan.image))]).append(coloured(plane(labels[None])))
                told = {"nuclei": int(labels.max()), "foreground": round(float((labels > 0).mean()), 4)}
                table.append({"image": image, "run": name} | told)
    write_rows(folder / "masks.csv", table)
    counts = {(row["image"], row["run"]): drawing.counted(row["nuclei"]) for row in table}
    under = [["", *(counts[image, name] for name in named)] for image in pictures]
    return panel([*pictures.items()], ["image", *named], folder / "masks.png", "nuclei found", under=under)
