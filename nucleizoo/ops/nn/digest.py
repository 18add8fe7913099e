"""A hash of tensors and plain values, the same on all machines: it tells whether a file still holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def digest(content: Any) -> str:
    """SHA-256, in hexadecimal, of tensors, their types and shapes, and of plain values.

    Args:
        content: a tensor on any device, a plain value, or mappings and sequences of these; the order of their
            items counts.
    """
    found = hashlib.sha256()
    _add(content, found)
    return found.hexdigest()


def _add(content: Any, found: Any) -> None:
    if isinstance(content, Tensor):
        found.update(f"{content.dtype} {tuple(content.shape)};".encode())
        found.update(content.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    elif isinstance(content, Mapping):
        _add([*content.keys(), *content.values()], found)
    elif isinstance(content, list | tuple):
        found.update(f"{len(content)} items;".encode())
        for item in content:
            _add(item, found)
    else:
        found.update(f"{content!r};".encode("utf-8", "surrogatepass"))
