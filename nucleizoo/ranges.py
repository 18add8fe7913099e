"""The ranges of the central keys; entries check their own when they are built."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from yacs.config import CfgNode

from nucleizoo.core.errors import ConfigError
from nucleizoo.core.text import brief

log = logging.getLogger(__name__)

Check = Callable[[Any], bool]

_COUNT: tuple[Check, str] = (lambda n: n >= 1, "1 or more")
_NATURAL: tuple[Check, str] = (lambda n: n >= 0, "0 or more")
_LENGTH: tuple[Check, str] = (lambda x: 0 <= x < math.inf, "0 or more (pixels)")
_SHARE: tuple[Check, str] = (lambda x: 0 <= x < 1, "at least 0 and below 1")


def _one_of(*names: str) -> tuple[Check, str]:
    return names.__contains__, f"one of {', '.join(names)}"


_RANGES: dict[str, tuple[Check, str]] = {
    "SYSTEM.SEED": (lambda n: 0 <= n < 2**63, "0 or more, below 2**63"),
    "SYSTEM.WORKERS": (lambda n: n >= -1, "-1 (automatic) or more"),
    "DATASET.SIZE": (
        lambda size: len(size) in (2, 3) and min(size) >= 1,
        "two or three pixel counts, (y, x) or (z, y, x)",
    ),
    "DATASET.CHANNELS": _COUNT,
    "SOLVER.TOTAL": _NATURAL,
    "SOLVER.BATCH": _COUNT,
    "SOLVER.LR": (lambda x: x > 0, "above 0"),
    "SOLVER.WARMUP": _NATURAL,
    "SOLVER.FREEZE": (
        lambda names: all(type(name) is str and name for name in names),
        "names or patterns of parameters, such as network.down.0.*",
    ),
    "SOLVER.AVERAGE": _SHARE,
    "INFERENCE.OVERLAP": _SHARE,
    "INFERENCE.STATISTICS": _one_of("auto", "training", "image", "tile"),
    "INFERENCE.NOMINAL_DIAMETER": _LENGTH,
    "INFERENCE.DIAMETER": (
        lambda x: x == 0 or 2 <= x < math.inf,
        "0 (found in every file), or the diameter of nuclei in pixels of the files, 2 or more",
    ),
    "INFERENCE.POLARITY": _one_of("auto", "bright", "dark"),
    "MONITOR.PAIR_BY": _one_of("name", "order"),
    "MONITOR.LOG": _COUNT,
    "MONITOR.SNAPSHOT": _NATURAL,
    "MONITOR.SAVE": _COUNT,
    "MONITOR.VALIDATE": _NATURAL,
}

_AN_AXIS = {"DATASET.SPACING": "length above 0 (micrometres)", "INFERENCE.WINDOW": "pixel count above 0"}
"""Keys that are empty or hold one value per axis of DATASET.SIZE."""


def check(config: CfgNode, shown: str) -> None:
    """Refuse values that neither training nor prediction can work with, and warn of an unlikely ZOOM.

    Args:
        config: a whole configuration, its keys and types checked.
        shown: what the message calls it.

    Raises:
        ConfigError: with one line per value out of range.
    """
    problems = [
        f"{key} must be {wanted}, got {brief(_value(config, key))}"
        for key, (fits, wanted) in _RANGES.items()
        if not fits(_value(config, key))
    ]
    size = config.DATASET.SIZE
    for key, wanted in _AN_AXIS.items():
        values = _value(config, key)
        if values and (len(values) != len(size) or min(values) <= 0):
            problems.append(f"{key} must be one {wanted} per axis of SIZE {brief(size)}, got {brief(values)}")
    image = config.DATASET.IMAGE
    if config.INFERENCE.NOMINAL_DIAMETER and not {"ZOOM", "SCALING"} <= image.keys():
        problems.append(
            f"INFERENCE.NOMINAL_DIAMETER magnifies files, which DATASET.IMAGE '{image.NAME}' cannot: it has "
            "no ZOOM; set it to 0, or use the dataset images"
        )
    if problems:
        raise ConfigError("\n  ".join([f"{shown}:", *problems]))
    for name in ("IMAGE", "SOURCE"):
        zoom = config.DATASET[name].get("ZOOM", ())
        if len(size) == len(zoom) == 2 and zoom[0] != zoom[1]:
            log.warning(
                "DATASET.%s.ZOOM %s magnifies y by %g and x by %g; if you mean one number, write it with a "
                "decimal point", name, brief(zoom), *zoom,
            )  # fmt: skip


def _value(config: CfgNode, key: str) -> Any:
    section, name = key.split(".")
    return config[section][name]
