"""Whether the content of images and of source pictures is of one kind [1].

[1] Yao et al., AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
    training, 2021, figure of the content space with and without aligned training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo import build, volumes
from nucleizoo.core.errors import RunError, UserError
from nucleizoo.engine.inference import Segmenter
from nucleizoo.figures import _drawing
from nucleizoo.figures._pictures import Picture, finished, tiles
from nucleizoo.metrics.files import write_rows

FOLDS = 5
"""Of the cross validation; every domain has at least two crops in each."""
SEED = 0
"""Of source pictures, folds and t-SNE: the same for every run."""


@dataclass(frozen=True)
class Cloud:
    """The codes of one run.

    Attributes:
        name: of the run.
        names: of the crops, those of images first.
        is_source: (N) bool.
        places: (N, 2), by t-SNE; no unit.
        linear: accuracy of a linear classifier that tells the domains apart, cross-validated; 0.5 is chance.
        neighbours: the same of the five nearest neighbours.
    """

    name: str
    names: list[str]
    is_source: NDArray[np.bool_]
    places: NDArray[np.float64]
    linear: float
    neighbours: float


def content(
    runs: Sequence[str | Path],
    inputs: Iterable[str | Path],
    out: str | Path,
    *,
    count: int = 60,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Path:
    """Draw the content codes of images and of source pictures by t-SNE, a panel a run.

    Codes are those of training crops: of the images, windows that do not overlap; of the source,
    as many drawn with a fixed seed. Separability is measured on the codes themselves, not on what
    t-SNE makes of them.

    Args:
        runs: folders of finished runs, of methods with a domain label.
        inputs: images, files or folders.
        out: folder for `content.png`, `content.csv` (a row a crop) and `separability.csv` (a row a run:
            accuracies of classifiers that tell the domains apart, 0.5 where content is aligned).
        count: crops of images at most, evenly taken from all.
        plugins: plugin files that the runs need.
        overrides: KEY VALUE pairs for DATASET.IMAGE and SYSTEM.

    Returns:
        The PNG.

    Raises:
        UserError: for a run, an image or a folder that cannot be used, or too few crops.
    """
    if count < 2 * FOLDS:
        raise UserError(f"COUNT must be {2 * FOLDS} or more, got {count}")
    folder = _drawing.prepare(out)
    files = [file for one in inputs for file in volumes.find(one)]
    named = _named([Path(run) for run in runs])
    segmenters = {name: finished(run, plugins, overrides) for name, run in named.items()}
    clouds = [_cloud(name, segmenter, files, count) for name, segmenter in segmenters.items()]
    write_rows(
        folder / "content.csv",
        [
            {"run": cloud.name, "crop": crop, "domain": "source" if is_source else "image", "x": x, "y": y}
            for cloud in clouds
            for crop, is_source, (x, y) in zip(
                cloud.names, cloud.is_source, cloud.places.round(3).tolist(), strict=True
            )
        ],
    )
    write_rows(
        folder / "separability.csv",
        [
            {
                "run": cloud.name, "crops of each domain": len(cloud.names) // 2,
                "linear": round(cloud.linear, 4), "neighbours": round(cloud.neighbours, 4),
            }
            for cloud in clouds
        ],
    )  # fmt: skip
    return _drawn(clouds, folder / "content.png")


def _named(runs: Sequence[Path]) -> dict[str, Path]:
    """Runs by the name of their folder, or by their whole path where two have one name."""
    if len({run.resolve() for run in runs}) < len(runs):
        raise UserError("a run is given twice; name each once")
    names = [run.resolve().name for run in runs]
    return {str(run) if names.count(name) > 1 else name: run for name, run in zip(names, runs, strict=True)}


def _cloud(name: str, segmenter: Segmenter, files: Sequence[Path], count: int) -> Cloud:
    size = segmenter.config.DATASET.SIZE
    found = [
        (path.name, tile)
        for path in files
        for scan in segmenter.read(path)
        for tile in tiles(scan.image, size)
    ]
    found = [found[i] for i in np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)]
    if len(found) < 2 * FOLDS:
        raise UserError(
            f"the images hold {len(found)} crops of {size} for {name}, and {2 * FOLDS} are needed to measure "
            "how far the domains are apart; give more or larger images"
        )
    sources = _sources(segmenter, len(found))
    codes = np.stack(
        [segmenter.content(picture, 0.0) for _, picture in found]
        + [segmenter.content(picture, 1.0) for picture in sources]
    )
    if not np.isfinite(codes).all():
        raise RunError(f"the content codes of {name} are not finite: its weights are damaged, train again")
    is_source = np.arange(len(codes)) >= len(found)
    names = [crop for crop, _ in found] + [f"source {i}" for i in range(len(sources))]
    rotated = _rotated(codes)
    return Cloud(name, names, is_source, _placed(rotated), *_separability(rotated, is_source))


def _sources(segmenter: Segmenter, count: int) -> list[Picture]:
    source, size = build.label_source(segmenter.config), segmenter.config.DATASET.SIZE
    pictures = []
    for index in range(count):
        sample = source.sample(np.random.default_rng((SEED, index)), size)
        if sample.image is None:
            assert sample.labels is not None
            pictures.append(segmenter.target.picture_of(sample.labels, sample.spacing))
        else:
            pictures.append(sample.image)
    return pictures


def _rotated(codes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Codes (N, K) in the N dimensions that they span: every distance stays, to rounding."""
    codes = codes - codes.mean(0)
    values, vectors = np.linalg.eigh((codes @ codes.T).astype(float))
    rotated: NDArray[np.float64] = vectors * np.sqrt(values.clip(0))
    rotated /= max(float(rotated.std()), 1e-12)
    return rotated


def _separability(codes: NDArray[np.float64], is_source: NDArray[np.bool_]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    linear, neighbours = (
        float(cross_val_score(judge, codes, is_source, cv=folds).mean())
        for judge in (LogisticRegression(max_iter=1000), KNeighborsClassifier(5))
    )
    return linear, neighbours


def _placed(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(codes) - 1) / 3)
    placed = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(codes)
    return np.asarray(placed, dtype=np.float64)


def _drawn(clouds: Sequence[Cloud], path: Path) -> Path:
    figure = _drawing.sheet(4.2 * len(clouds), 4.6)
    for place, cloud in zip(figure.subplots(1, len(clouds), squeeze=False)[0], clouds, strict=True):
        for index, domain in enumerate(("image", "source")):
            chosen = cloud.places[cloud.is_source == bool(index)]
            place.scatter(
                *chosen.T, s=24, alpha=0.75, linewidths=0, label=domain,
                color=_drawing.COLOURS[index], marker=_drawing.MARKERS[index],
            )  # fmt: skip
        place.set_title(
            f"{cloud.name}\ndomains told apart with an accuracy of\n"
            f"{cloud.linear:.2f} (linear), {cloud.neighbours:.2f} (neighbours); 0.5 = aligned",
            fontsize=9,
        )
        place.set_xlabel("t-SNE 1 (no unit)")
        place.set_ylabel("t-SNE 2 (no unit)")
    handles, labels = place.get_legend_handles_labels()
    figure.legend(handles, labels, title="content of", loc="outside lower center", ncols=2)
    return _drawing.write(figure, path)
