"""nucleizoo: segment nuclei in microscopy images without annotations.

A plugin needs no more than the names below: the registries, and the contracts to inherit from.
They are loaded on first use, so that `nucleizoo --help` answers without loading torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_KINDS = (
    "METHODS", "GENERATORS", "DISCRIMINATORS", "LOSSES", "GAN_LOSSES", "MAP_LOSSES", "TARGETS", "DECODERS",
    "SOURCES", "AUGMENTS", "SCALINGS",
)  # fmt: skip
_CONTRACTS = (
    "Augment", "Channel", "Clock", "Decoder", "Frame", "Group", "Loss", "Method",
    "Sample", "Scaling", "Source", "Target", "Task", "Update",
)  # fmt: skip
__all__ = [*_CONTRACTS, *_KINDS]


def __getattr__(name: str) -> Any:
    if name in _KINDS:
        return getattr(importlib.import_module("nucleizoo.kinds"), name)
    if name in _CONTRACTS:
        return getattr(importlib.import_module("nucleizoo.contracts"), name)
    raise AttributeError(f"module 'nucleizoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
