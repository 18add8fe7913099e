"""From a checked configuration to the objects of an experiment, one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer
from yacs.config import CfgNode

from nucleizoo.contracts import (
    Augment,
    Blending,
    Clock,
    Dataset,
    DataSpec,
    Decoder,
    Hook,
    Method,
    Program,
    Target,
    Task,
)  # fmt: skip
from nucleizoo.core.config import recipe_of, recipes_of
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Recipe, nearest
from nucleizoo.kinds import (
    AUGMENTS,
    BLENDINGS,
    DATASETS,
    DECODERS,
    HOOKS,
    METHODS,
    OPTIMISERS,
    SCHEDULES,
    TARGETS,
)  # fmt: skip
from nucleizoo.preprocess import Reader

_WANTED = {
    "image": "image", "image_clean": "image", "source": "labels", "source_clean": "image", "maps": "labels",
}  # fmt: skip
"""What a dataset must provide for a key of the batch."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """What a configuration trains, built once and handed on.

    Attributes:
        config: the whole configuration.
        method: METHOD, its weights drawn from torch's random state; `method.task.target` is TARGET.
    """

    config: CfgNode
    method: Method

    @classmethod
    def of(cls, config: CfgNode) -> Experiment:
        """Build it.

        Raises:
            ConfigError: when parts of it do not fit together, or a setting is out of range.
        """
        return cls(config, method(config))

    @classmethod
    def check(cls, config: CfgNode) -> Experiment:
        """Build everything that needs no file, on the meta device, so that mistakes show before training.

        Raises:
            ConfigError: as `of`, and for what training and prediction need besides.
        """
        with torch.device("meta"):
            made = cls.of(config)
        decoder(config, made.method.task.target)
        _check_total(config, made.method)
        optimiser(config)
        schedule(config)
        frozen(config, made.method)
        augment(config)
        blending(config)
        return made

    def check_segments(self) -> None:
        """Refuse a method that only translates, where nuclei are needed.

        Raises:
            ConfigError: when it does not segment.
        """
        if not self.method.segments:
            raise ConfigError(
                f"METHOD '{self.config.METHOD.NAME}' only translates when the source has pictures, and finds "
                "no nuclei to score; use the run that was trained on its translations"
            )


def target(config: CfgNode) -> Target:
    """TARGET."""
    return _make("TARGET", recipe_of(config.TARGET, TARGETS))  # type: ignore[no-any-return]


def task(config: CfgNode) -> Task:
    """What the method must know about the data, without opening a file."""
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
        ConfigError: when the datasets do not provide what it needs, or a setting does not fit.
    """
    known = METHODS.get(config.METHOD.NAME).dims
    if len(config.DATASET.SIZE) not in known:
        raise ConfigError(
            f"METHOD '{config.METHOD.NAME}' is for {' and '.join(f'{n}D' for n in known)}, but DATASET.SIZE "
            f"{config.DATASET.SIZE} is {len(config.DATASET.SIZE)}D"
        )
    made: Method = _make("METHOD", recipe_of(config.METHOD, METHODS), task(config))
    given, names = _provided(config), (config.DATASET.IMAGE.NAME, config.DATASET.SOURCE.NAME)
    if missing := made.needs - given:
        fitting = [f"{key} comes from {' or '.join(_giving(_WANTED[key]))}" for key in sorted(missing)]
        raise ConfigError(
            f"METHOD '{config.METHOD.NAME}' needs {', '.join(sorted(missing))}, which the datasets "
            f"'{names[0]}' (image) and '{names[1]}' (source) do not provide; {'; '.join(fitting)}"
        )
    if any(channel.is_number for channel in made.task.target.channels) and made.groups():
        raise ConfigError(
            f"TARGET '{config.TARGET.NAME}' holds numbers, which no network can learn; METHOD "
            f"'{config.METHOD.NAME}' needs maps: set TARGET.NAME to mask, or another, and the "
            "INFERENCE.DECODER that reads it"
        )
    step, size = made.divisor, config.DATASET.SIZE
    if step > 1 and any(length % step or length < 2 * step for length in size):
        raise ConfigError(
            f"DATASET.SIZE must be multiples of {step}, {2 * step} or more, for the strides of METHOD "
            f"'{config.METHOD.NAME}'; got {size}"
        )
    if config.INFERENCE.WINDOW and not made.windowed:
        raise ConfigError(
            f"METHOD '{config.METHOD.NAME}' measures whole pictures, and predicts none in windows; set "
            "INFERENCE.WINDOW to []"
        )
    critic = max(made.modules(), key=lambda network: int(getattr(network, "smallest", 1)))
    least = getattr(critic, "smallest", 1)
    if min(size) < least:
        advice = getattr(critic, "smallest_advice", "another critic")
        raise ConfigError(
            f"DATASET.SIZE must be {least} or more along every axis, got {size}: smaller crops leave the "
            f"discriminator no score; use {advice} in its settings"
        )
    return made


def decoder(config: CfgNode, target: Target) -> Decoder:
    """INFERENCE.DECODER, for the maps of a target.

    Raises:
        ConfigError: when it reads channels that the target does not have.
    """
    made: Decoder = _make("INFERENCE.DECODER", recipe_of(config.INFERENCE.DECODER, DECODERS))
    names = target.names
    if missing := made.reads - set(names):
        fitting = [name for name in DECODERS.names() if DECODERS.get(name).reads <= set(names)]
        raise ConfigError(
            f"INFERENCE.DECODER '{config.INFERENCE.DECODER.NAME}' reads {', '.join(sorted(missing))}, "
            f"but TARGET '{config.TARGET.NAME}' has {', '.join(names)}; set INFERENCE.DECODER.NAME to "
            f"{' or '.join(fitting) or 'one that fits'}"
        )
    return made


def optimiser(config: CfgNode) -> Callable[[Iterable[Parameter], float], Optimizer]:
    """SOLVER.OPTIMISER: called with parameters and a learning rate."""
    return _make("SOLVER.OPTIMISER", recipe_of(config.SOLVER.OPTIMISER, OPTIMISERS))  # type: ignore[no-any-return]


def schedule(config: CfgNode) -> Callable[[Clock], float]:
    """SOLVER.SCHEDULE: the factor of the learning rate at a time."""
    return _make("SOLVER.SCHEDULE", recipe_of(config.SOLVER.SCHEDULE, SCHEDULES))  # type: ignore[no-any-return]


def frozen(config: CfgNode, method: Method) -> frozenset[str]:
    """SOLVER.FREEZE: the names of a method's parameters and buffers that stay as they are.

    Raises:
        ConfigError: for a pattern that matches none of them, and when no parameter is left to train.
    """
    trained = {name for name, _ in method.named_parameters(remove_duplicate=False)}
    names = trained | {name for name, _ in method.named_buffers(remove_duplicate=False)}
    found = set[str]()
    for pattern in config.SOLVER.FREEZE:
        if not (matched := {name for name in names if fnmatchcase(name, pattern)}):
            raise ConfigError(
                f"SOLVER.FREEZE: no parameter of METHOD '{config.METHOD.NAME}' is called '{pattern}'; the "
                f"nearest is {nearest(pattern, sorted(names), least=0.0)}"
            )
        found |= matched
    if trained and trained <= found:
        raise ConfigError("SOLVER.FREEZE: leaves no parameter to train; freeze fewer")
    return frozenset(found)


def blending(config: CfgNode) -> Blending:
    """INFERENCE.BLENDING."""
    return _make("INFERENCE.BLENDING", recipe_of(config.INFERENCE.BLENDING, BLENDINGS))  # type: ignore[no-any-return]


def hooks(config: CfgNode, run: object) -> list[Hook]:
    """MONITOR.HOOKS, for a run folder (`runs.Run`)."""
    recipes = recipes_of(config.MONITOR.HOOKS, HOOKS)
    return [_make("MONITOR.HOOKS", recipe, run) for recipe in recipes]


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


def _check_total(config: CfgNode, method: Method) -> None:
    """Refuse steps of a method that takes none, and any number but one of a program that learns."""
    if method.groups():
        return
    learns, name = isinstance(method, Program) and method.learns, config.METHOD.NAME
    if learns and config.SOLVER.TOTAL != 1:
        raise ConfigError(
            f"METHOD '{name}' learns in one step, from one batch; set SOLVER.TOTAL to 1, and SOLVER.BATCH to "
            "the number of pictures that it learns from"
        )
    if config.SOLVER.TOTAL and not learns:
        raise ConfigError(f"METHOD '{name}' learns nothing; set SOLVER.TOTAL to 0")


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


def _giving(what: str) -> list[str]:
    """Names of the datasets that give pictures or labels."""
    return [name for name in DATASETS.names() if what in DATASETS.get(name).gives]


def _make(section: str, recipe: Recipe, *wired: object) -> Any:
    """Build an entry; an error for a value out of range names the section."""
    try:
        return recipe(*wired)
    except ValueError as error:
        raise ConfigError(f"{section} '{recipe.name}': {error}") from error
