"""nucleizoo: segment nuclei in microscopy images without annotations.

A plugin needs only the names below: the registries, and the contracts to inherit from.
They are loaded on first use, so that `nucleizoo --help` answers without loading torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_KINDS = (
    "METHODS", "GENERATORS", "DISCRIMINATORS", "LOSSES", "GAN_LOSSES", "MAP_LOSSES", "TARGETS", "DECODERS",
    "DATASETS", "AUGMENTS", "SCALINGS", "OPTIMISERS", "SCHEDULES", "BLENDINGS", "HOOKS",
    "IMPORTERS",
)  # fmt: skip
_CONTRACTS = (
    "Augment", "Blending", "Channel", "Clock", "ContentCoder", "DataSpec", "Dataset", "Decoder", "GANLoss",
    "Group", "Hook", "Importer", "Interpolator", "LabelProgram", "Loss", "Method", "Program", "Sample",
    "Scaling", "Target", "Task", "Translator", "Update",
)  # fmt: skip
__all__ = [*_CONTRACTS, *_KINDS, "Recipe"]


def __getattr__(name: str) -> Any:
    if name in _KINDS:
        return getattr(importlib.import_module("nucleizoo.kinds"), name)
    if name in _CONTRACTS:
        return getattr(importlib.import_module("nucleizoo.contracts"), name)
    if name == "Recipe":
        return getattr(importlib.import_module("nucleizoo.core.registry"), name)
    from nucleizoo.core import renamed

    if name in renamed.NAMES:  # an ImportError, since Python drops the message of an AttributeError
        raise ImportError(f"nucleizoo.{name} was renamed to nucleizoo.{renamed.NAMES[name]}")
    raise AttributeError(f"module 'nucleizoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
