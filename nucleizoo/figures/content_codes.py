"""The content codes of images and of source pictures, and how far the two lie apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo import build
from nucleizoo.core.errors import RunError, UserError
from nucleizoo.figures.crops import Picture, tiles
from nucleizoo.inference.segmenter import Segmenter

FOLDS = 5
"""Folds of the cross-validation, with at least two crops of every domain in each; there are fewer where
images have fewer crops, see `separability`."""
MOST = 0.75
"""Share of crops at one place above which the others are too few to learn from."""
KINDS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "whole": lambda codes: codes.reshape(len(codes), -1),
    "means": lambda codes: codes.reshape(*codes.shape[:2], -1).mean(2),
}
"""How codes (N, K, ...) become (N, M): all values, where the positions of nuclei dominate; or the mean of
every channel, which ignores positions and is the stricter test."""
SEED = 0
"""Seed of source pictures, folds and t-SNE, the same for every run."""


@dataclass(frozen=True)
class Cloud:
    """The codes of one run.

    Attributes:
        name: of the run.
        kind: how the codes are reduced, a key of `KINDS`.
        names: of the crops, those of images first.
        is_source: (N) bool.
        places: (N, 2), by t-SNE; no unit.
        linear: balanced accuracy of a linear classifier that tells the domains apart, cross-validated; 0.5
            is chance.
        neighbours: the same of the five nearest neighbours.
        apart: what is kept out of training when a crop is classified: 'places', the same window of other
            images; or, where (nearly) all images are a single window, 'crops', only the crop itself.
    """

    name: str
    kind: str
    names: list[str]
    is_source: NDArray[np.bool_]
    places: NDArray[np.float64]
    linear: float
    neighbours: float
    apart: str


def measured(name: str, segmenter: Segmenter, files: Sequence[Path], count: int) -> list[Cloud]:
    """The codes of crops of image files, and of as many source pictures: a cloud for each of `KINDS`.

    Crops are as large as those of training and do not overlap; `count` at most are taken, at random.

    Raises:
        UserError: when there are too few crops, or the method has no content codes.
        RunError: when a code is not finite.
    """
    size = segmenter.config.DATASET.SIZE
    found = [
        (path.name, place, tile)
        for path in files
        for scan in segmenter.read(path)
        for place, tile in enumerate(tiles(scan.image, size))
    ]
    found = [found[i] for i in sorted(np.random.default_rng(SEED).permutation(len(found))[:count])]
    if len(found) < 2 * FOLDS:
        raise UserError(
            f"the images have {len(found)} crops of {size} for {name}, but {2 * FOLDS} are needed to measure "
            "how far the domains are apart; give more or larger images"
        )
    sources = _sources(segmenter, len(found))
    codes = np.stack(
        [segmenter.content(picture, "image") for _, _, picture in found]
        + [segmenter.content(picture, "source") for picture in sources]
    )
    if not np.isfinite(codes).all():
        raise RunError(f"the content codes of {name} are not finite: its weights are damaged, train again")
    is_source = np.arange(len(codes)) >= len(found)
    names = [crop for crop, _, _ in found] + [f"source {i}" for i in range(len(sources))]
    groups, apart = _groups([place for _, place, _ in found], len(sources))
    clouds = []
    for kind, taken in KINDS.items():
        spanned = rotated(taken(codes))
        told = separability(spanned, is_source, groups)
        clouds.append(Cloud(name, kind, names, is_source, _placed(spanned), *told, apart))
    return clouds


def _sources(segmenter: Segmenter, count: int) -> list[Picture]:
    dataset, size = build.source_dataset(segmenter.config), segmenter.config.DATASET.SIZE
    pictures = []
    for index in range(count):
        sample = dataset.sample(np.random.default_rng((SEED, index)), size)
        if sample.image is None:
            assert sample.labels is not None
            pictures.append(segmenter.target.picture_of(sample.labels, sample.spacing))
        else:
            pictures.append(sample.image)
    return pictures


def rotated(codes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Codes (N, M) in the N dimensions that they span, (N, N): all distances keep their ratios."""
    codes = codes - codes.mean(0)
    values, vectors = np.linalg.eigh((codes @ codes.T).astype(float))
    spanned: NDArray[np.float64] = vectors * np.sqrt(values.clip(0))
    spanned /= max(float(spanned.std()), 1e-12)
    return spanned


def _groups(places: Sequence[int], sources: int) -> tuple[NDArray[np.int64], str]:
    """Crops that must share a fold: the same place in frames of a time lapse, which look alike.

    Where one place has more than `MOST` of the crops, every crop is a group.

    Returns:
        The groups (N) of crops and then of source pictures, and `Cloud.apart`.
    """
    apart = "places"
    if max(Counter(places).values()) > MOST * len(places):
        places, apart = range(len(places)), "crops"
    return np.array([*places, *range(max(places) + 1, max(places) + 1 + sources)]), apart


def separability(
    codes: NDArray[np.float64], is_source: NDArray[np.bool_], groups: NDArray[np.int64]
) -> tuple[float, float]:
    """How well classifiers tell the domains (N) apart by codes (N, M), tested on unseen groups (N).

    There are `FOLDS` folds, or as many as the domain with fewer groups has, which are at least 2.

    Returns:
        The balanced accuracy of a linear classifier, and of the five nearest neighbours.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    fewest = min(np.unique(groups[is_source == domain]).size for domain in (False, True))
    folds = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=SEED)
    linear, neighbours = (
        float(
            balanced_accuracy_score(
                is_source, cross_val_predict(judge, codes, is_source, cv=folds, groups=groups)
            )
        )
        for judge in (LogisticRegression(max_iter=1000), KNeighborsClassifier(5))
    )
    return linear, neighbours


def _placed(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(codes) - 1) / 3)
    placed = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(codes)
    return np.asarray(placed, dtype=np.float64)
