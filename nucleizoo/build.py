"""From a checked configuration to the objects of an experiment, one function each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo.contracts import Augment, Decoder, Frame, Method, Source, Target, Task
from nucleizoo.core.config import recipe
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Part
from nucleizoo.kinds import AUGMENTS, DECODERS, METHODS, SOURCES, TARGETS
from nucleizoo.reading import Reader


def target(config: CfgNode) -> Target:
    """TARGET."""
    return _make("TARGET", recipe(config.TARGET, TARGETS))  # type: ignore[no-any-return]


def task(config: CfgNode) -> Task:
    """What the method must know of the data, without opening a file."""
    wanted = target(config)
    pictures = "image" in SOURCES.get(config.DATASET.SOURCE.NAME).gives
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
        ConfigError: when the sources do not give what it needs, or a setting does not fit.
    """
    made: Method = _make("METHOD", recipe(config.METHOD, METHODS), task(config))
    if missing := made.needs - _provided(config):
        raise ConfigError(
            f"METHOD '{config.METHOD.NAME}' needs {', '.join(sorted(missing))}, which the sources "
            f"'{config.DATASET.IMAGE.NAME}' (image) and '{config.DATASET.SOURCE.NAME}' (source) do not give; "
            "image comes from pictures ('folder'), maps and source_clean from labelled ones ('volumes')"
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
    made: Decoder = _make("INFERENCE.DECODER", recipe(config.INFERENCE.DECODER, DECODERS))
    names = target(config).names
    if missing := made.reads - set(names):
        fitting = [name for name in DECODERS.names() if DECODERS.get(name).reads <= set(names)]
        raise ConfigError(
            f"INFERENCE.DECODER '{config.INFERENCE.DECODER.NAME}' reads {', '.join(sorted(missing))}, "
            f"but TARGET '{config.TARGET.NAME}' has {', '.join(names)}; set INFERENCE.DECODER.NAME to "
            f"{' or '.join(fitting) or 'one that fits'}"
        )
    return made


def image_source(config: CfgNode) -> Source:
    """DATASET.IMAGE, its files scanned."""
    return _source("DATASET.IMAGE", config.DATASET.IMAGE, config)


def label_source(config: CfgNode) -> Source:
    """DATASET.SOURCE, its files scanned."""
    return _source("DATASET.SOURCE", config.DATASET.SOURCE, config)


def augment(config: CfgNode) -> Augment:
    """DATASET.AUGMENT."""
    return _make("DATASET.AUGMENT", recipe(config.DATASET.AUGMENT, AUGMENTS))  # type: ignore[no-any-return]


def frame(config: CfgNode) -> Frame:
    """What the sources share."""
    data = config.DATASET
    return Frame(len(data.SIZE), data.CHANNELS, Path(data.ROOT), data.SPACING, data.SIZE)


def reader(config: CfgNode) -> Reader:
    """How DATASET.IMAGE reads a file, for files that training has not seen.

    Raises:
        ConfigError: for a setting that is out of range.
    """
    part = recipe(config.DATASET.IMAGE, SOURCES)
    try:
        made: Reader = SOURCES.get(part.name).reader(Reader, frame(config), **part.settings)
    except ValueError as error:
        raise ConfigError(f"DATASET.IMAGE '{part.name}': {error}") from error
    return made


def _source(section: str, node: CfgNode, config: CfgNode) -> Source:
    return _make(section, recipe(node, SOURCES), frame(config))  # type: ignore[no-any-return]


def _provided(config: CfgNode) -> set[str]:
    """Batch keys that the two sources make possible."""
    keys = set()
    if "image" in SOURCES.get(config.DATASET.IMAGE.NAME).gives:
        keys |= {"image", "image_clean"}
    gives = SOURCES.get(config.DATASET.SOURCE.NAME).gives
    if "image" in gives:
        keys |= {"source", "source_clean"}
    if "labels" in gives:
        keys |= {"maps", "source"}
    return keys


def _make(section: str, part: Part, *wired: object) -> Any:
    """Build, and say which section a value out of range stands in."""
    try:
        return part(*wired)
    except ValueError as error:
        raise ConfigError(f"{section} '{part.name}': {error}") from error
