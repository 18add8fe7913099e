"""Scores of a pretrained U-Net on the development sets of images, to put beside those of `score_models.py`.

    python docs/scripts/rival.py WEIGHTS --check FOLDER
    python docs/scripts/rival.py WEIGHTS --most 10 --json rival.json --overlays FOLDER

"UNet 2D Nuclei Broad" [1] gives a probability of nucleus. WEIGHTS is its TorchScript file, which is not part
of this repository: get it by `git show 63a2ea09:example_descriptions/models/unet2d_nuclei_broad/weights.pt`
in a clone of [1]; FOLDER of --check holds test_input.npy and test_output.npy from beside it. It is given
what a model of ours is not: for every set the decoder, and the zoom if there is one, that have the best F1 on
labelled images of its train split, where it knows the true size and polarity of nuclei.

[1] bioimage-io/spec-bioimage-io at 63a2ea09, example_descriptions/models/unet2d_nuclei_broad (MIT; learnt
    from labels of the 2018 Data Science Bowl, from which u2os_20x, round_dense and histology_white come too).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nucleizoo.registry.decoders.components import Components
from nucleizoo.registry.decoders.peaks import Peaks
from numpy.typing import NDArray
from score_models import FLAT, places, scores, some, true_diameter

from nucleizoo import io
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.image.resize import linear
from nucleizoo.ops.labels.components import label
from nucleizoo.ops.labels.distance import instance_distance
from nucleizoo.ops.labels.overlay import outline

ZOOMS = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
"""Magnifications of an image that are tried."""

MULTIPLE = 8
"""Sides of what the network sees are multiples of so many pixels."""

Image = NDArray[np.float32]


def probability(network: torch.nn.Module, image: Image, zoom: float = 1.0) -> Image:
    """Of nucleus, at every pixel of an image with bright nuclei (y, x)."""
    seen = linear(image, tuple(max(MULTIPLE, round(side * zoom)) for side in image.shape))
    seen = (seen - seen.mean()) / (seen.std() + 1e-6)
    padded = np.pad(seen, [(0, -side % MULTIPLE) for side in seen.shape], mode="symmetric")
    with torch.inference_mode():
        maps = torch.sigmoid(network(torch.from_numpy(padded)[None, None]))[0, 0].numpy()
    return linear(maps[: seen.shape[0], : seen.shape[1]], image.shape)


@dataclass(frozen=True)
class Trial:
    """A way to make nuclei from a probability.

    Attributes:
        decoder: of the probability, and of a map of distance that the network does not give.
        radius: of nuclei, in pixels: the distance is the depth in the foreground, as a share of it. 0 takes
            the probability for the distance.
    """

    decoder: Components | Peaks
    radius: float = 0.0

    def __call__(self, map_: Image) -> NDArray[np.int32]:
        """Labels (y, x) of a probability."""
        deep = map_
        if self.radius:
            objects = label(map_ > self.decoder.foreground)
            deep = instance_distance(objects, border=False) / np.float32(self.radius)
        return self.decoder.rules(Voxels(2))({"mask": map_, "binary": map_, "distance": deep})


def trials(diameter: float) -> dict[str, Trial]:
    """What is tried for nuclei of so many pixels, by its settings.

    Objects of less than a tenth of the size of a nucleus are dropped, as by our own models.
    """
    radius, made = diameter / 2, dict[str, Trial]()
    least = round(math.pi * radius**2 / 10)
    for foreground, split in product((0.25, 0.5, 0.75), (0.5, 0.8, 1.2)):
        made[f"components, FOREGROUND {foreground}, SPLIT {split} radii"] = Trial(
            Components(foreground=foreground, split=split * radius, min_size=least)
        )
    for kind, unit in {"probability": 0.0, "depth": radius}.items():
        for foreground, smooth, height in product((0.03, 0.1, 0.25, 0.5), (0.15, 0.3), (0.02, 0.1)):
            made[f"peaks of {kind}, FOREGROUND {foreground}, SMOOTH {smooth} radii, HEIGHT {height}"] = Trial(
                Peaks(
                    foreground=foreground, smooth=smooth * radius, radius=0.8 * radius, height=height,
                    min_size=least,
                ),
                unit,
            )  # fmt: skip
    return made


def decode(trial: Trial, maps: Mapping[str, Image], into: Path) -> Path:
    """Write the labels of all images."""
    into.mkdir(parents=True, exist_ok=True)
    for name, map_ in maps.items():
        io.write_labels(into / f"{name}_label.tif", trial(map_))
    return into


def best(tried: Mapping[str, Trial], maps: Mapping[str, Image], labels: Path) -> tuple[float, str]:
    """The highest F1 on labelled images, and the settings that have it."""
    found = []
    for name, trial in tried.items():
        with tempfile.TemporaryDirectory() as place:
            found.append((scores(decode(trial, maps, Path(place)), labels)["f1"], name))
    return max(found)


def read(images: Path, *, dark: bool) -> dict[str, Image]:
    """Images by name; dark nuclei become bright."""
    raw = {file.stem: io.read(file).data.astype(np.float32) for file in io.find(images)}
    return {name: -image if dark else image for name, image in raw.items()}


def compare(network: torch.nn.Module, name: str, asked: argparse.Namespace, place: Path) -> dict[str, Any]:
    """Choose on the train split of a set, and score on its test split."""
    root, found = Path(os.environ.get("NUCLEIZOO_DATA", "../shared/data")), {}
    images, labels, pictures = {}, {}, {}
    for split in ("train", "test"):
        sources = zip(("images", "labels"), places(root, name, split), strict=True)
        images[split], labels[split] = (
            some(at, asked.most, place / f"{split}_{kind}") for kind, at in sources
        )
        pictures[split] = read(images[split], dark=FLAT[name] == "dark")
    tried, chosen = trials(true_diameter(labels["train"])), {}
    for zoom in asked.zooms:
        maps = {key: probability(network, image, zoom) for key, image in pictures["train"].items()}
        chosen[zoom] = best(tried, maps, labels["train"])
        print(name, "train, zoom", zoom, *chosen[zoom], flush=True)
    for kind, zoom in {"as it is": 1.0, "zoomed": max(chosen, key=lambda one: chosen[one][0])}.items():
        maps = {key: probability(network, image, zoom) for key, image in pictures["test"].items()}
        folder = decode(tried[chosen[zoom][1]], maps, place / kind)
        found[kind] = {"zoom": zoom, "train f1": chosen[zoom][0], "decoder": chosen[zoom][1]}
        found[kind] |= scores(folder, labels["test"])
        print(name, kind, found[kind], flush=True)
        if asked.overlays:
            draw(pictures["test"], folder, asked.overlays, f"{name}_{kind.replace(' ', '_')}")
    return found


def draw(pictures: Mapping[str, Image], folder: Path, into: Path, kind: str) -> None:
    """Write every image with the outlines of its labels."""
    into.mkdir(parents=True, exist_ok=True)
    for name, image in pictures.items():
        labels = io.read(folder / f"{name}_label.tif").data.astype(np.int32)
        io.write_png(into / f"{kind}_{name}.png", outline(image, labels))


def error(network: torch.nn.Module, folder: Path) -> float:
    """The largest difference from the output that the authors published for their image."""
    image, wanted = (np.load(folder / f"test_{kind}.npy")[0, 0] for kind in ("input", "output"))
    return float(np.abs(probability(network, image.astype(np.float32)) - wanted).max())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, help="the TorchScript file")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="only compare with the authors' output")
    parser.add_argument("--sets", nargs="+", default=list(FLAT), choices=FLAT)
    parser.add_argument("--zooms", nargs="+", type=float, default=ZOOMS, help="to choose from, 1 among them")
    parser.add_argument("--most", type=int, default=10, help="images per set and split, evenly spaced")
    parser.add_argument("--overlays", type=Path, metavar="FOLDER", help="where to draw the nuclei of tests")
    parser.add_argument("--json", type=Path, help="where to write the scores as well")
    asked = parser.parse_args()
    network = torch.jit.load(asked.weights, map_location="cpu").eval()
    if asked.check:
        print("largest difference from the published output:", error(network, asked.check))
        raise SystemExit
    table = {}
    for name in asked.sets:
        with tempfile.TemporaryDirectory() as folder:
            table[name] = compare(network, name, asked, Path(folder))
    if asked.json:
        asked.json.write_text(json.dumps(table, indent=2) + "\n")
