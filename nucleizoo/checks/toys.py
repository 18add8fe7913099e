"""Small examples to try entries on: networks, pictures and labels of a few voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from yacs.config import CfgNode

from nucleizoo.checks.check import NotApplicableError
from nucleizoo.contracts import Decoder, Method, Target, Task
from nucleizoo.core import config as configuration
from nucleizoo.core.registry import Recipe
from nucleizoo.defaults import DEFAULTS
from nucleizoo.kinds import DECODERS, GENERATORS, METHODS, TARGETS
from nucleizoo.ops.nn.sliding_window import padded
from nucleizoo.training.randomness import seed_everything

SMALL = {"width": 4, "blocks": 1, "pool": 2, "draws": 2, "count": 2}
"""Whole numbers that cost time, by the names that they have in every entry, and what they are lowered to."""

SIZES = {2: (32, 32), 3: (8, 32, 32)}
"""Of pictures, by dimensions."""


def small(recipe: Recipe) -> Recipe:
    """The recipe with every network in it made small, and all that it keeps or draws made few."""
    settings = dict(recipe.settings)
    for setting in recipe.registry.schema(recipe.name).values():
        value = settings.get(setting.name, setting.default)
        if isinstance(value, Recipe) and value.name:
            settings[setting.name] = small(value)
        elif setting.name in SMALL and type(value) is int:
            settings[setting.name] = SMALL[setting.name]
            if recipe.registry is GENERATORS and setting.name == "blocks":
                settings["blocks"] = 2  # a U-Net of one stage attends to every voxel: 30 s a volume
    return Recipe(recipe.registry, recipe.name, settings)


def target_names() -> Sequence[str]:
    """Names of all targets, the simplest first."""
    return sorted(TARGETS.names(), key=lambda name: (name != "mask", name))


def tasks(recipe: Recipe, dims: int) -> Sequence[Task]:
    """The tasks that a method may be for: of one channel, with every target."""
    pictures = "maps" in METHODS.get(recipe.name).needs
    targets: list[Target] = [TARGETS.recipe(name)() for name in target_names()]
    return [Task(1, 1 if pictures else len(one.channels), dims, one, pictures) for one in targets]


def built(recipe: Recipe, dims: int) -> Method:
    """A method for the first task that it takes.

    Raises:
        ValueError: the first one, when it takes none.
    """
    refused: list[ValueError] = []
    for task in tasks(recipe, dims):
        try:
            made: Method = recipe(task)
        except ValueError as error:
            refused.append(error)
        else:
            return made
    raise refused[0]


def toy(recipe: Recipe, dims: int) -> Method:
    """The same made small, its weights always drawn alike."""
    seed_everything(0)
    return built(small(recipe), dims)


def size_for(method: Method) -> tuple[int, ...]:
    """A picture that even a critic with a wide view has a score for."""
    least = max(int(getattr(network, "smallest", 1)) for network in method.modules())
    return tuple(padded(max(n, least), method.divisor) for n in SIZES[method.task.dims])


def batch_for(
    method: Method, seed: int = 0, count: int = 2, keys: frozenset[str] = frozenset()
) -> dict[str, Tensor]:
    """A batch with the keys that a method needs, or others: pictures of noise, labels of `nuclei`."""
    task, size = method.task, size_for(method)
    g = torch.Generator().manual_seed(seed)

    def noise(channels: int) -> Tensor:
        return torch.rand(count, channels, *size, generator=g) * 2 - 1

    maps = torch.from_numpy(np.stack([task.target.encode(nuclei(size, 2 * seed + i)) for i in range(count)]))
    image = noise(task.channels)
    source = noise(task.source_channels) if task.source_pictures else task.target.as_image(maps)
    whole = {"image": image, "image_clean": image, "source": source, "source_clean": source, "maps": maps}
    return {key: value for key, value in whole.items() if key in (keys or method.needs)}


def nuclei(size: tuple[int, ...], shift: int = 0) -> NDArray[np.int32]:
    """Two touching boxes of different labels, some pixels further down."""
    labels = np.zeros(size, np.int32)
    top = 4 + shift % 8
    labels[..., top : top + 12, 4:14] = 1
    labels[..., top : top + 12, 14:26] = 2
    return labels


def pictures(channels: int, size: tuple[int, ...], count: int = 2) -> Tensor:
    """Noise (B, C, *S) in [-1, 1] that wants a gradient."""
    g = torch.Generator().manual_seed(2)
    return (torch.rand(count, channels, *size, generator=g) * 2 - 1).requires_grad_()


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """The network off its first weights, where some layers are told to add nothing yet."""
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=g))
    return network


def training(recipe: Recipe, steps: int, *pairs: str) -> CfgNode:
    """The configuration of a short training on a CPU."""
    words = ["METHOD.NAME", recipe.name, "SYSTEM.DEVICE", "cpu", "SYSTEM.PRECISION", "fp32"]
    words += ["SOLVER.LR", "1e-3", "SOLVER.TOTAL", str(steps), *pairs]
    return configuration.loads("", defaults=DEFAULTS, overrides=words)


def has_rules(decoder: type[Decoder]) -> bool:
    """Whether a decoder can decode by blocks."""
    return decoder.rules is not Decoder.rules


def prediction(method: Method) -> list[str]:
    """KEY VALUE pairs for predicting with a method by blocks: dimensions, target and decoder.

    Raises:
        NotApplicableError: when no decoder fits.
    """
    target = method.task.target
    for name in DECODERS.names():
        if DECODERS.get(name).reads <= set(target.names) and has_rules(DECODERS.get(name)):
            mine = next(one for one in TARGETS.names() if TARGETS.get(one) is type(target))
            size = str(list(size_for(method)))
            return ["DATASET.SIZE", size, "TARGET.NAME", mine, "INFERENCE.DECODER.NAME", name]
    raise NotApplicableError(f"no decoder reads {', '.join(target.names)} by blocks")
