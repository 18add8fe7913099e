"""Files for datasets that read some: pictures with labels, and a finished run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.checks.toys import small
from nucleizoo.contracts import Translator
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Recipe
from nucleizoo.defaults import DEFAULTS
from nucleizoo.kinds import DATASETS, METHODS
from nucleizoo.runs import Run, weights_of

PICTURE = {2: (70, 90), 3: (24, 44, 44)}
CROP = {2: [24, 24], 3: [8, 16, 16]}


def write(root: Path, dims: int) -> None:
    """Folders `images` and `labels`, two TIFF files of each: boxes that are brighter than noise."""
    for name in ("images", "labels"):
        (root / name).mkdir()
    for i in range(2):
        rng, labels = np.random.default_rng(i), np.zeros(PICTURE[dims], np.uint16)
        for number in range(12):
            corner = [int(rng.integers(0, n - 7)) for n in labels.shape]
            labels[tuple(slice(c, c + 7) for c in corner)] = number + 1
        picture = 40 + 120 * (labels > 0) + rng.integers(0, 40, labels.shape)
        tifffile.imwrite(root / "images" / f"{i}.tif", picture.astype(np.uint8))
        tifffile.imwrite(root / "labels" / f"{i}.tif", labels)


def filled(recipe: Recipe, root: Path, dims: int) -> Recipe:
    """A dataset's recipe with files where settings that have names in `FILES` are empty, its parts too."""
    settings = dict(recipe.settings)
    for setting in recipe.registry.schema(recipe.name).values():
        value = settings.get(setting.name, setting.default)
        if isinstance(value, Recipe) and value.registry is DATASETS and value.name:
            settings[setting.name] = filled(value, root, dims)
        elif value == "" and setting.name in FILES:
            settings[setting.name] = FILES[setting.name](root, dims)
    return Recipe(recipe.registry, recipe.name, settings)


def finished_run(root: Path, dims: int) -> str:
    """A run of the first method that translates masks; it has not learnt anything, but has ended."""
    path, total = root / "run", 2
    if not path.exists():
        config, method = next(filter(None, (_translating(name, dims, total) for name in METHODS.names())))
        Run(path, config).create().save({"iteration": total}, weights_of(method))
    return str(path)


def _translating(name: str, dims: int, total: int) -> tuple[CfgNode, Any] | None:
    """The configuration of a method, and it; None for one that cannot translate masks."""
    if not issubclass(METHODS.get(name), Translator):
        return None
    tree = {
        "DATASET": {
            "SIZE": CROP[dims], "SOURCE": {"NAME": "synthetic", "SEMI_AXIS": [3, 5], "COUNT": [2, 4]},
        },
        "METHOD": _tree(small(METHODS.recipe(name))), "SOLVER": {"TOTAL": total},
        "SYSTEM": {"DEVICE": "cpu"},
    }  # fmt: skip
    config = configuration.loads(json.dumps(tree), defaults=DEFAULTS)
    try:
        return config, build.method(config)
    except ConfigError:  # it wants other data or other crops
        return None


def _tree(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a section of a configuration."""
    inner = {
        key.upper(): _tree(value) if isinstance(value, Recipe) else value
        for key, value in recipe.settings.items()
    }
    return {"NAME": recipe.name, **inner}


FILES = {
    "path": lambda root, dims: "images",
    "images": lambda root, dims: "images",
    "labels": lambda root, dims: "labels",
    "run": finished_run,
}
"""Setting -> what it is given."""
