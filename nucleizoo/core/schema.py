"""The signature of a class or function is the schema of its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """One keyword-only argument.

    Attributes:
        name: the argument; its upper case is the key in a configuration.
        default: the default; `inspect.Parameter.empty` when there is none.
        annotation: the type as it stands in the source, '' when there is none.
        owner: the class or function that declares it.
    """

    name: str
    default: Any
    annotation: str
    owner: Any


def schema(entry: Any) -> dict[str, Setting]:
    """The keyword-only arguments of a class or function, by name.

    While an `__init__` ends in `**settings`, the arguments of the next one in the method resolution
    order are added; a name that the subclass already takes, by position or by keyword, is the subclass's.
    """
    settings: dict[str, Setting] = {}
    taken: set[str] = set()
    for owner, function in _initialisers(entry):
        parameters = inspect.signature(function).parameters.values()
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in taken:
                settings[parameter.name] = Setting(
                    parameter.name, parameter.default, _annotation(parameter), owner
                )
            taken.add(parameter.name)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return settings


def _initialisers(entry: Any) -> Iterator[tuple[Any, Callable[..., Any]]]:
    if not inspect.isclass(entry):
        yield entry, entry
        return
    for owner in entry.__mro__:
        if owner is not object and "__init__" in vars(owner):
            yield owner, vars(owner)["__init__"]


def _annotation(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
