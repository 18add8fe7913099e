"""The floor of a report: methods that learn nothing and take seconds, which every other should beat."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nucleizoo import build
from nucleizoo.comparison.pairs import Pair
from nucleizoo.contracts import Method
from nucleizoo.core import config as configuration
from nucleizoo.core import text
from nucleizoo.core.plugins import load_plugins
from nucleizoo.defaults import DEFAULTS
from nucleizoo.kinds import METHODS
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.ops.synthesis.nucleus_size import CRUMB, Sizes
from nucleizoo.preprocess import Reader
from nucleizoo.runs import Run
from nucleizoo.training import autoconfig

log = logging.getLogger(__name__)

_FINDS = ("CHANNEL", "DATASET", "SPACING", "EMPTY_CHUNKS")
"""Keys of DATASET.IMAGE that say where in a file the picture is."""


class Untrained(Run):
    """What needs no training, and so no folder."""

    def method(self) -> Method:
        """The method as it is built."""
        return build.method(self.config)

    def statistics(self) -> Statistics | None:
        """None: there is no network."""
        return None


def floor(runs: Sequence[Run], pairs: Sequence[Pair], reader: Reader) -> list[Run]:
    """The methods that say that they are a floor and of which there is no run, for nuclei as large as these.

    Args:
        runs: those that there are, of which the first says how files are read.
        pairs: annotated pictures, on which nuclei are measured without their labels.
        reader: of these.

    Raises:
        UserError: when no nucleus can be measured.
    """
    load_plugins()
    there = {run.config.METHOD.NAME for run in runs}
    names = [name for name in METHODS.names() if METHODS.get(name).floor is not None and name not in there]
    if not names:
        return []
    keys = (
        {key: value for key, value in runs[0].config.DATASET.IMAGE.items() if key in _FINDS} if runs else {}
    )
    told = {"channel": keys.get("CHANNEL", "auto"), "dataset": keys.get("DATASET", "")}
    sizes = autoconfig.measure([pair.picture for pair in pairs], **told)
    spacing = reader.voxel_size(reader.open(pairs[0].picture).spacing)
    return [_untrained(name, sizes, keys, spacing) for name in names]


def about(runs: Sequence[Run]) -> str:
    """How the rows of the floor were set, in words; '' if there are none."""
    if not runs:
        return ""
    names = " and ".join(str(run.path) for run in runs)
    told = runs[0].config
    dark = "dark" if told.DATASET.IMAGE.SCALING.INVERT else "bright"
    return (
        f"{names}: shown unasked, as a floor; nothing is trained. The size of nuclei was measured on the "
        f"images, without their labels: INFERENCE.DECODER.SPLIT {told.INFERENCE.DECODER.SPLIT:g}, MIN_SIZE "
        f"{told.INFERENCE.DECODER.MIN_SIZE}, {dark} nuclei."
    )


def _untrained(name: str, sizes: Sizes, keys: Mapping[str, Any], spacing: tuple[float, ...]) -> Run:
    dims, radius = len(sizes.window), sizes.semi_axis[0]
    ball = math.pi * radius**2 if dims == 2 else 4 / 3 * math.pi * radius**3
    voxels = ball / math.prod(voxel_shape(spacing, dims))
    tree = {
        "DATASET": {"SIZE": [64] * dims, "IMAGE": {**keys, "SCALING": {"INVERT": bool(sizes.dark)}}},
        "METHOD": {"NAME": name, **METHODS.get(name).floor},
        "SOLVER": {"TOTAL": 0},
        "INFERENCE": {"DECODER": {"SPLIT": round(radius, 1), "MIN_SIZE": max(1, round(CRUMB * voxels))}},
    }
    config = configuration.loads(text.write(tree), defaults=DEFAULTS, name=name)
    return Untrained(Path(name), config)
