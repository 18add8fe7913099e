"""From a checked configuration to the objects of an experiment, one function each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo.contracts import Augment, Dataset, DataSpec, Decoder, Method, Target, Task
from nucleizoo.core.config import recipe_of
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import AUGMENTS, DATASETS, DECODERS, METHODS, TARGETS
from nucleizoo.preprocess import Reader


def target(config: CfgNode) -> Target:
    """TARGET."""
    return _make("TARGET", recipe_of(config.TARGET, TARGETS))  # type: ignore[no-any-return]


def task(config: CfgNode) -> Task:
    """What the method must know of the data, without opening a file."""
    wanted = target(config)
    pictures = "image" in DATASETS.get(config.DATASET.SOURCE.NAME).gives
    return Task(
        channels=config.DATASET.CHANNELS,
        source_channels=config.DATASET.CHANNELS if pictures else len(wanted.channels),
        dims=len(config.DATASET.SIZE),
        target=wanted,
        source_pictures=pictures,
    )


def method(config: CfgNode) -> Method:
    """METHOD, its weights drawn from torch's random state.

    Raises:
        ConfigError: when the datasets do not give what it needs, or a setting does not fit.
    """
    made: Method = _make("METHOD", recipe_of(config.METHOD, METHODS), task(config))
    if missing := made.needs - _provided(config):
        raise ConfigError(
            f"METHOD '{config.METHOD.NAME}' needs {', '.join(sorted(missing))}, which the datasets "
            f"'{config.DATASET.IMAGE.NAME}' (image) and '{config.DATASET.SOURCE.NAME}' (source) do not give; "
            "image comes from pictures ('images'), maps and source_clean from labelled ones ('labelled')"
        )
    step, size = made.divisor, config.DATASET.SIZE
    if step > 1 and any(length % step or length < 2 * step for length in size):
        raise ConfigError(
            f"DATASET.SIZE wants multiples of {step}, {2 * step} or more, for the strides of METHOD "
            f"'{config.METHOD.NAME}'; got {size}"
        )
    least = max(getattr(network, "smallest", 1) for network in made.modules())
    if min(size) < least:
        raise ConfigError(
            f"DATASET.SIZE wants {least} or more along every axis, got {size}: less leaves the discriminator "
            "no score; take fewer BLOCKS of it, or let it score borders, METHOD.DISCRIMINATOR.FULL_MAP true"
        )
    return made


def decoder(config: CfgNode) -> Decoder:
    """INFERENCE.DECODER.

    Raises:
        ConfigError: when it reads channels that the target does not have.
    """
    made: Decoder = _make("INFERENCE.DECODER", recipe_of(config.INFERENCE.DECODER, DECODERS))
    names = target(config).names
    if missing := made.reads - set(names):
        fitting = [name for name in DECODERS.names() if DECODERS.get(name).reads <= set(names)]
        raise ConfigError(
            f"INFERENCE.DECODER '{config.INFERENCE.DECODER.NAME}' reads {', '.join(sorted(missing))}, "
            f"but TARGET '{config.TARGET.NAME}' has {', '.join(names)}; set INFERENCE.DECODER.NAME to "
            f"{' or '.join(fitting) or 'one that fits'}"
        )
    return made


def image_dataset(config: CfgNode) -> Dataset:
    """DATASET.IMAGE, its files scanned."""
    return _dataset("DATASET.IMAGE", config.DATASET.IMAGE, config)


def source_dataset(config: CfgNode) -> Dataset:
    """DATASET.SOURCE, its files scanned."""
    return _dataset("DATASET.SOURCE", config.DATASET.SOURCE, config)


def augment(config: CfgNode) -> Augment:
    """DATASET.AUGMENT."""
    return _make("DATASET.AUGMENT", recipe_of(config.DATASET.AUGMENT, AUGMENTS))  # type: ignore[no-any-return]


def data_spec(config: CfgNode) -> DataSpec:
    """What the datasets share."""
    data = config.DATASET
    return DataSpec(len(data.SIZE), data.CHANNELS, Path(data.ROOT), data.SPACING, data.SIZE)


def reader(config: CfgNode) -> Reader:
    """How DATASET.IMAGE reads a file, for files that training has not seen.

    Raises:
        ConfigError: for a setting that is out of range.
    """
    recipe = recipe_of(config.DATASET.IMAGE, DATASETS)
    try:
        made: Reader = DATASETS.get(recipe.name).reader(Reader, data_spec(config), **recipe.settings)
    except ValueError as error:
        raise ConfigError(f"DATASET.IMAGE '{recipe.name}': {error}") from error
    return made


def _dataset(section: str, node: CfgNode, config: CfgNode) -> Dataset:
    return _make(section, recipe_of(node, DATASETS), data_spec(config))  # type: ignore[no-any-return]


def _provided(config: CfgNode) -> set[str]:
    """Batch keys that the two datasets make possible."""
    keys = set()
    if "image" in DATASETS.get(config.DATASET.IMAGE.NAME).gives:
        keys |= {"image", "image_clean"}
    gives = DATASETS.get(config.DATASET.SOURCE.NAME).gives
    if "image" in gives:
        keys |= {"source", "source_clean"}
    if "labels" in gives:
        keys |= {"maps", "source"}
    return keys


def _make(section: str, recipe: Recipe, *wired: object) -> Any:
    """Build, and say which section a value out of range stands in."""
    try:
        return recipe(*wired)
    except ValueError as error:
        raise ConfigError(f"{section} '{recipe.name}': {error}") from error
