"""Which labels belong to which image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nucleizoo.core.errors import ImageReadError


def pair(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Partners by name, `a.png` with `a.tif` or `a_label.tif`; where no name is shared, by order.

    Args:
        images: at least one file, from `find`.
        labels: the same; files that no image is called like are left out.

    Raises:
        ImageReadError: when some have no partner, or labels of one name leave it open.
    """
    names, others = [image.stem for image in images], [label.stem.removesuffix("_label") for label in labels]
    if names == others or (len(names) == len(others) and not {*names} & {*others}):
        return list(zip(images, labels, strict=True))
    counts = Counter(others)
    for image, name in zip(images, names, strict=True):
        if not counts[name]:
            raise ImageReadError(
                f"{image}: has no labels of the same name among {len(labels)} files in {labels[0].parent}, "
                f"and the order does not tell ({len(images)} images); give every image one file of labels"
            )
        if counts[name] > 1:
            both = " and ".join(str(labels[i]) for i, other in enumerate(others) if other == name)
            raise ImageReadError(f"{image}: {both} are labels of the same name; leave one")
    by_name = dict(zip(others, labels, strict=True))
    return [(image, by_name[name]) for image, name in zip(images, names, strict=True)]
