"""Convert a value from a file to the type of its default; there are no other conversions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nucleizoo.core.text import Unread

_LARGEST = 1e300
"""Integers from here on are not converted to floats, which end at 1.8e308."""


class MisfitError(ValueError):
    """A value does not have the type of its default."""


def fit(model: Any, value: Any, annotation: str = "") -> Any:
    """The value in the type of `model`, the default, otherwise unchanged.

    Args:
        model: None accepts any plain value; an empty list or tuple any numbers, or any texts.
        value: as read from a file.
        annotation: of the argument; says what an empty list or tuple may hold.

    Raises:
        MisfitError: when it has another type, or is not finite though the default is.
        ConfigError: when a command line's text is not YAML.
    """
    if isinstance(value, Unread):
        value = str(value) if type(model) is str else value.read()
        if isinstance(value, Unread):
            value = float(value)
    if model is None:
        return _fit_anything(value)
    if type(model) in (list, tuple):
        if type(value) not in (list, tuple):
            raise MisfitError
        items = [_fit_item(model, item, annotation) for item in value]
        if not model and len({type(item) is str for item in items}) > 1:
            raise MisfitError
        return type(model)(items)
    if type(model) is float and type(value) is int and abs(value) < _LARGEST:
        value = float(value)
    if type(value) is not type(model) or not _is_fitting_number(model, value):
        raise MisfitError
    return value


def in_list(model: Any, value: Any) -> Any:
    """The value; a list of it where `model` is a list and it is a single number, text or the like."""
    if type(model) not in (list, tuple):
        return value
    value = value.read() if isinstance(value, Unread) else value
    return value if type(value) in (list, tuple) else [value]


def _fit_anything(value: Any) -> Any:
    if isinstance(value, Unread):
        return float(value)
    if type(value) in (list, tuple):
        return tuple(_fit_anything(item) for item in value)
    if value is None or (type(value) in (bool, int, float, str) and _is_fitting_number(None, value)):
        return value
    raise MisfitError


def _fit_item(models: Sequence[Any], item: Any, annotation: str) -> Any:
    """An element in the type of one of the default's; for an empty default the annotation decides."""
    if not models:
        is_text, is_number = "str" in annotation, "int" in annotation or "float" in annotation
        models = [] if is_text and not is_number else [0, 0.0]
        models += [] if is_number and not is_text else [""]
    for model in models:
        try:
            return fit(model, item)
        except MisfitError:
            continue
    raise MisfitError


def _is_fitting_number(model: Any, value: Any) -> bool:
    if type(value) is not float or math.isfinite(value):
        return True
    return math.isinf(value) and type(model) is float and math.isinf(model)
