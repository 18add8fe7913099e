"""Where masks at once go wrong: per kind of error, the places in the annotated images that have most of it.

    python docs/scripts/failures.py docs/images

Test splits of CC0 sets in NUCLEIZOO_DATA (default: ../shared/data), and a volume (MIT), of which the plane
with most nuclei is shown. A picture has the image, and on it the nuclei that were annotated (blue) and those
that were found (orange). How many nuclei went wrong is printed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from nucleizoo import api, io
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.overlap import Overlap
from nucleizoo.ops.image.resize import linear, nearest
from nucleizoo.ops.labels.edges import outlines

FLAT = ("round_dense", "histology_white", "u2os_20x")
DEEP = ("arabidopsis_ovule_3d",)

KINDS = {"merged": "swallowed", "cut": "split", "missed": "missed", "invented": "invented"}
"""Kinds of errors, and the nuclei of `Errors` that are counted for them."""

SIDE, SHOWN = 72, 216
"""Pixels of an image that are shown, and of the picture that they fill."""

BLUE, ORANGE = (86, 180, 233), (230, 159, 0)

PLACES = 3
"""Places that are shown of a kind, of different sets."""


@dataclass(frozen=True)
class Plane:
    """An image, or a plane of a volume, with what was annotated and found, all (y, x)."""

    name: str
    image: NDArray[np.float32]
    truth: NDArray[np.int32]
    found: NDArray[np.int32]


def predicted(images: Path, labels: Path) -> list[Plane]:
    """The images of a folder, segmented by the model that ships."""
    planes = []
    with tempfile.TemporaryDirectory() as place:
        for done in api.predict(None, [images], place):
            image = io.read(done.path).data.astype(np.float32)
            truth = io.read(labels / done.path.name, usual="label").data.astype(np.int32)
            found = io.read(done.result).data.astype(np.int32)
            if truth.ndim == 3:
                best = int(np.argmax([np.unique(plane).size for plane in truth]))
                image, truth, found = image[best], truth[best], found[best]
            planes.append(Plane(done.path.stem, image, truth, found))
    return planes


def wrong(plane: Plane, kind: str) -> NDArray[np.float64]:
    """The centres (n, 2) of the nuclei that went wrong in one way."""
    names = getattr(Errors.of(Overlap.of(plane.found, plane.truth)), KINDS[kind])
    where = plane.found if kind == "invented" else plane.truth
    return np.array(ndimage.center_of_mass(where > 0, where, names)).reshape(-1, 2)


def worst(plane: Plane, kind: str) -> tuple[int, tuple[int, int]]:
    """The most nuclei that went wrong in a square, and its corner."""
    centres = np.zeros(plane.image.shape)
    np.add.at(centres, tuple(wrong(plane, kind).astype(int).T), 1)
    counts = ndimage.uniform_filter(centres, SIDE, mode="constant") * SIDE**2
    y, x = np.unravel_index(counts.argmax(), counts.shape)
    corner = (min(max(int(at) - SIDE // 2, 0), n - SIDE) for at, n in zip((y, x), counts.shape, strict=True))
    return round(float(counts.max())), tuple(corner)


def picture(plane: Plane, corner: tuple[int, int]) -> NDArray[np.uint8]:
    """Image, truth and prediction, side by side."""
    part = tuple(slice(at, at + SIDE) for at in corner)
    low, high = np.percentile(plane.image, (0.5, 99.7))
    gray = np.uint8(255 * linear(np.clip((plane.image[part] - low) / (high - low), 0, 1), (SHOWN, SHOWN)))
    shown = [np.repeat(gray[..., None], 3, axis=-1) for _ in range(3)]
    shown[1][outlines(nearest(plane.truth[part], (SHOWN, SHOWN)), 2) > 0] = BLUE
    shown[2][outlines(nearest(plane.found[part], (SHOWN, SHOWN)), 2) > 0] = ORANGE
    return np.concatenate(shown, axis=1)


def main(folder: Path, root: Path) -> None:
    """Segment all sets, and draw the worst of every kind."""
    places = {name: (root / name / "test" / "images", root / name / "test" / "labels") for name in FLAT}
    places |= {name: (root / name, root / name) for name in DEEP}
    sets = {name: predicted(*where) for name, where in places.items()}
    for kind in KINDS:
        print(kind, {name: sum(len(wrong(plane, kind)) for plane in planes) for name, planes in sets.items()})
        rows = []
        for name, planes in sets.items():
            count, corner, plane = max(((*worst(one, kind), one) for one in planes), key=lambda row: row[0])
            rows.append((count, picture(plane, corner)))
            print(f"  {name} {plane.name}: {count} nuclei at {corner}")
        shown = sorted(rows, key=lambda row: -row[0])[:PLACES]
        drawn = Image.fromarray(np.concatenate([row[1] for row in shown]))
        drawn.save(folder / f"failure_{kind}.jpg", quality=88)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where failure_<kind>.jpg are written")
    asked = parser.parse_args()
    main(asked.folder, Path(os.environ.get("NUCLEIZOO_DATA", "../shared/data")))
