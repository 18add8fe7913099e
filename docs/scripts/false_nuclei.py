"""Nuclei that a model invents where there are none: a table of empty images, per 1024x1024 pixels.

    python docs/scripts/false_nuclei.py
    python docs/scripts/false_nuclei.py --edge 512 --seeds 2 --diameters 0 30

A diameter of 0 is found by the model.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo import api

AREA = 1024**2
"""Pixels that counts are given for."""


def light(kind: str, edge: int) -> NDArray[np.float64]:
    """The mean of an empty image (edge, edge), about 1: flat, or uneven as a lamp makes it."""
    if kind == "flat":
        return np.ones((edge, edge))
    y, x = np.mgrid[-1 : 1 : edge * 1j, -1 : 1 : edge * 1j]
    return np.asarray(1.3 * np.exp(-((y - 0.2) ** 2 + (x + 0.3) ** 2) / 2))


def empty(name: str, edge: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """An image without nuclei, by its name in `KINDS`."""
    kind, noise, level = KINDS[name]
    mean = light(kind, edge)
    if noise == "poisson":
        image = rng.poisson(mean * level).astype(float)
    else:
        image = 100 * mean + level * rng.normal(size=mean.shape)
    if noise == "smooth":
        image = ndimage.gaussian_filter(image, 1.5)
    if noise == "hot":
        image[rng.random(mean.shape) < 1e-4] += 50 * level
    if noise == "rounded":
        image = np.rint(image)
    return image.astype(np.float32)


KINDS = {
    "Gaussian noise": ("flat", "gaussian", 10.0),
    "Gaussian noise of three grey levels": ("flat", "rounded", 0.5),
    "Gaussian noise, hot pixels": ("flat", "hot", 10.0),
    "Gaussian noise, smoothed by 1.5 pixels": ("flat", "smooth", 10.0),
    "Poisson noise, 1 photon": ("flat", "poisson", 1.0),
    "Poisson noise, 10 photons": ("flat", "poisson", 10.0),
    "Poisson noise, 1000 photons": ("flat", "poisson", 1000.0),
    "uneven light without noise": ("uneven", "gaussian", 0.0),
    "uneven light, 10 photons": ("uneven", "poisson", 10.0),
    "uneven light, 100 photons": ("uneven", "poisson", 100.0),
    "uneven light, 10000 photons": ("uneven", "poisson", 10000.0),
    "uneven light, hot pixels": ("uneven", "hot", 1.0),
}
"""Empty images: light, noise, and its photons or standard deviation where light is 100."""


def told(name: str, diameter: float, asked: argparse.Namespace) -> str:
    """False nuclei per `AREA`, seed by seed, and the sizes that were found."""
    with tempfile.TemporaryDirectory() as place:
        for seed in range(asked.seeds):
            image = empty(name, asked.edge, np.random.default_rng(seed))
            tifffile.imwrite(Path(place) / f"{seed}.tif", image, photometric="minisblack")
        predicted = list(api.predict(
            asked.run, [place], Path(place) / "out", model=asked.model, diameter=diameter
        ))  # fmt: skip
    counts = [round(done.count * AREA / asked.edge**2) for done in predicted]
    sizes = [f"{done.scale.diameter:.3g}" for done in predicted if done.scale]
    return f"{', '.join(map(str, counts))} (of {', '.join(sizes)} pixels)"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--run", help="a run folder, instead of a model")
    parser.add_argument("--edge", type=int, default=1024, help="of the images, in pixels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--diameters", type=float, nargs="+", default=[0.0, 30.0])
    asked = parser.parse_args()
    columns = [f"diameter {one:g}" if one else "size found" for one in asked.diameters]
    print(f"| image | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for name in KINDS:
        cells = [told(name, diameter, asked) for diameter in asked.diameters]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
