"""Whether images and source pictures have the same kind of content [1].

[1] Yao et al., AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
    training, 2021, figure of the content space with and without aligned training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.figures import drawing
from nucleizoo.figures.content_codes import FOLDS, KINDS, Cloud, measured
from nucleizoo.figures.crops import finished
from nucleizoo.figures.names import distinct_names
from nucleizoo.metrics.files import write_rows

TITLES = {"whole": "whole codes", "means": "means of channels"}


def content(
    runs: Sequence[str | Path],
    inputs: Iterable[str | Path],
    out: str | Path,
    *,
    count: int = 60,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Path:
    """Draw the content codes of images and of source pictures by t-SNE, a column per run.

    Codes are those of training crops: of the images, windows that do not overlap; of the source,
    as many drawn with a fixed seed. The upper row shows whole codes, the lower one the means of their
    channels. Separability is measured on the codes themselves, not on their t-SNE.

    Args:
        runs: folders of finished runs, of methods with a domain label.
        inputs: images, files or folders.
        out: folder for `content.png`, `content.csv` (a row per crop) and `separability.csv` (a row per
            run and kind of code: accuracies of classifiers that tell the domains apart, 0.5 where content
            is aligned; 'held apart' is what they are tested on without having seen it: places in the images
            or, where images are no larger than a crop, crops, which is too easy for frames of a time lapse).
        count: maximum number of crops of images, taken at random from all.
        plugins: plugin files that the runs need.
        overrides: KEY VALUE pairs for DATASET.IMAGE and SYSTEM.

    Returns:
        The PNG.

    Raises:
        UserError: for a run, an image or a folder that cannot be used, or too few crops.
    """
    if count < 2 * FOLDS:
        raise UserError(f"COUNT must be {2 * FOLDS} or more, got {count}")
    folder = drawing.prepare(out, "content", dict.fromkeys(("content", "separability"), ("run", "codes")))
    files = io.find_pictures(*inputs)
    named = distinct_names(runs)
    segmenters = {name: finished(run, plugins, overrides) for name, run in named.items()}
    clouds = [cloud for name, one in segmenters.items() for cloud in measured(name, one, files, count)]
    _write_tables(clouds, folder)
    return _drawn(clouds, folder / "content.png")


def _write_tables(clouds: Sequence[Cloud], folder: Path) -> None:
    """Write a row per crop, and a row per cloud."""
    crops = [
        {
            "run": cloud.name, "codes": cloud.kind, "crop": crop,
            "domain": "source" if is_source else "image", "x": x, "y": y,
        }
        for cloud in clouds
        for crop, is_source, (x, y) in zip(
            cloud.names, cloud.is_source, cloud.places.round(3).tolist(), strict=True
        )
    ]  # fmt: skip
    told = [
        {
            "run": cloud.name, "codes": cloud.kind, "crops of each domain": len(cloud.names) // 2,
            "linear": round(cloud.linear, 4), "neighbours": round(cloud.neighbours, 4),
            "held apart": cloud.apart,
        }
        for cloud in clouds
    ]  # fmt: skip
    write_rows(folder / "content.csv", crops)
    write_rows(folder / "separability.csv", told)


def _drawn(clouds: Sequence[Cloud], path: Path) -> Path:
    """Draw a column per run, a row per kind."""
    columns = len(clouds) // len(KINDS)
    figure = drawing.sheet(4.2 * columns, 4 * len(KINDS) + 0.6)
    places = figure.subplots(len(KINDS), columns, squeeze=False).T.flat
    for place, cloud in zip(places, clouds, strict=True):
        for index, domain in enumerate(("image", "source")):
            chosen = cloud.places[cloud.is_source == bool(index)]
            place.scatter(
                *chosen.T, s=24, alpha=0.75, linewidths=0, label=domain,
                color=drawing.COLOURS[index], marker=drawing.MARKERS[index],
            )  # fmt: skip
        place.set_title(
            f"{cloud.name}, {TITLES[cloud.kind]}\ndomains told apart with an accuracy of\n"
            f"{cloud.linear:.2f} (linear), {cloud.neighbours:.2f} (neighbours); 0.5 = aligned",
            fontsize=9,
        )
        place.set_xlabel("t-SNE 1 (no unit)")
        place.set_ylabel("t-SNE 2 (no unit)")
    handles, labels = place.get_legend_handles_labels()
    figure.legend(handles, labels, title="content of", loc="outside lower center", ncols=2)
    return drawing.write(figure, path)
