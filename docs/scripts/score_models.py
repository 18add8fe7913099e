"""Scores of a model on the development sets, with the size of nuclei found by itself and with the true one.

    python docs/scripts/score_models.py --split train --json scores.json
    python docs/scripts/score_models.py --split test --model nuclei --sets u2os_20x hipsc_nuclei_3d

The sets are those of NUCLEIZOO_DATA (default: ../shared/data). Sets without a split are scored whole. The
true size is the median over all annotated nuclei of a set; in volumes, of cubes as wide as a pixel.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from nucleizoo import api, io
from nucleizoo.ops.image.geometry import ball_radius

FLAT = {
    "u2os_20x": "bright", "round_dense": "bright", "hela_n2dl": "bright", "intestine_confocal": "bright",
    "intestine_widefield": "bright", "histology_white": "dark",
}  # fmt: skip
"""Sets of images, and the polarity of their nuclei."""

DEEP = ("hipsc_nuclei_3d", "mouse_embryo_3d", "cho_n3dh", "arabidopsis_ovule_3d")
"""Sets of volumes; a file has both image and labels."""


def places(root: Path, name: str, split: str) -> tuple[Path, Path]:
    """The folders of images and labels of a set, which are one where files have both."""
    if name in DEEP:
        return root / name, root / name
    part = root / name / split
    part = part if part.is_dir() else root / name / "train"
    return part / "images", part / "labels"


def true_diameter(labels: Path) -> float:
    """Of the disc or ball as large as the median nucleus, in pixels of the last axis."""
    sizes, dims, flat = [], 2, 1.0
    for file in io.find(labels):
        volume = io.read(file, usual="label")
        dims = len(volume.spatial)
        flat = volume.spacing[0] / volume.spacing[-1] if dims == 3 and volume.spacing else 1.0
        sizes.append(np.bincount(volume.data.ravel())[1:])
    every = np.concatenate(sizes)
    return 2 * ball_radius(float(np.median(every[every > 0])) * flat, dims)


def some(folder: Path, most: int, into: Path) -> Path:
    """A folder with links to at most so many files, evenly spaced."""
    files = io.find(folder)
    into.mkdir()
    for file in files[:: -(-len(files) // most)]:
        (into / file.name).symlink_to(file.resolve())
    return into


def score(
    images: Path, labels: Path, asked: argparse.Namespace, diameter: float, polarity: str
) -> dict[str, float]:
    """Predict and compare; a diameter of 0 is found by the model."""
    told = ["INFERENCE.POLARITY", polarity]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "found"
        images = some(images, asked.most, Path(place) / "images")
        run = api.predict(asked.run, [images], folder, model=asked.model, diameter=diameter, overrides=told)
        sizes = [done.scale.diameter for done in run if done.scale]
        labels = some(labels, asked.most, Path(place) / "labels")
        rounded = scores(folder, labels)
    return rounded | ({"diameter": round(float(np.median(sizes)), 1)} if sizes else {})


def scores(found: Path, labels: Path) -> dict[str, float]:
    """Compare a folder of label files with the truth."""
    made = api.evaluate(found, labels)
    shown = {
        "f1": made["objects"]["f1"], "ap": made["objects"]["ap"], "dice": made["pixels"]["dice"],
        "seg": made["tracking"]["seg"],
    }  # fmt: skip
    return {name: round(float(value), 3) for name, value in shown.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--run", help="a run folder, instead of a model")
    parser.add_argument("--split", default="train", choices=("train", "test"))
    parser.add_argument("--sets", nargs="+", default=[*FLAT, *DEEP])
    parser.add_argument("--most", type=int, default=1000, help="images per set, evenly spaced")
    parser.add_argument("--json", type=Path, help="where to write the scores as well")
    asked = parser.parse_args()
    root = Path(os.environ.get("NUCLEIZOO_DATA", "../shared/data"))
    table = {}
    for name in asked.sets:
        images, labels = places(root, name, asked.split)
        true = true_diameter(labels)
        table[name] = {
            "found": score(images, labels, asked, 0.0, "auto"),
            "true": score(images, labels, asked, true, FLAT.get(name, "bright")),
        }
        print(name, f"true diameter {true:.1f}", table[name], flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(table, indent=2) + "\n")
