"""Two states compared to the bit."""

from __future__ import annotations

from typing import Any

import torch


def difference(one: Any, other: Any, path: str = "state") -> str:
    """Where two states differ, whatever is nested in whatever, such as 'state.method.weight'; '' nowhere."""
    if type(one) is not type(other):
        return path
    if isinstance(one, torch.Tensor):
        return "" if one.dtype == other.dtype and torch.equal(one, other) else path
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return path
        return _first(difference(one[key], other[key], f"{path}.{key}") for key in one)
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return path
        return _first(
            difference(*pair, f"{path}[{i}]") for i, pair in enumerate(zip(one, other, strict=True))
        )
    return "" if one == other else path


def _first(paths: Any) -> str:
    return next(filter(None, paths), "")
