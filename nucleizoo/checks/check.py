"""One check: a promise of an entry, tried on a small example."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from nucleizoo.core.errors import MissingProgramError, UserError

PACKAGE = str(Path(__file__).parents[1])


class PromiseError(Exception):
    """An entry does not do what its kind promises; the message says what was seen, and the remedy."""


class NotApplicableError(Exception):
    """A check does not apply to an entry; the message says why."""


def expect(kept: object, otherwise: str) -> None:
    """Go on if a promise is kept.

    Raises:
        PromiseError: with the message `otherwise`, if it is not.
    """
    if not kept:
        raise PromiseError(otherwise)


@dataclass(frozen=True)
class Result:
    """What a check has found.

    Attributes:
        check: it.
        state: 'ok', 'failed' or 'left out'.
        told: what failed and where, or why it was left out; '' where all is well.
        seconds: that it took.
    """

    check: Check
    state: str
    told: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Check:
    """A promise, and what it is tried with.

    Attributes:
        promise: raises if it is not kept; the first line of its docstring is its title.
        given: its arguments.
        where: added to the title, such as '2D'.
    """

    promise: Callable[..., None]
    given: tuple[object, ...]
    where: str = ""

    @property
    def title(self) -> str:
        """What is promised, such as 'every parameter gets a gradient, 2D'."""
        said = (inspect.getdoc(self.promise) or "").split("\n", 1)[0].rstrip(".")
        return f"{said[:1].lower()}{said[1:]}{', ' * bool(self.where)}{self.where}"

    def __call__(self) -> None:
        """Try it.

        Raises:
            PromiseError: when it is not kept.
            NotApplicableError: when it does not apply.
            Exception: any other of the entry itself.
        """
        with torch.enable_grad():  # whatever mode a method that yields inside a `with` has left
            try:
                self.promise(*self.given)
            except MissingProgramError as error:
                raise NotApplicableError(str(error)) from error

    def result(self) -> Result:
        """Try it, and tell what happened; only an interruption ends it."""
        begin, state, told = time.perf_counter(), "ok", ""
        try:
            self()
        except NotApplicableError as reason:
            state, told = "left out", str(reason)
        except PromiseError as error:
            state, told = "failed", str(error)
        except Exception as error:  # of code that is on trial: whatever it raises is the result
            state, told = "failed", raised(error)
        return Result(self, state, told, time.perf_counter() - begin)


def raised(error: Exception) -> str:
    """An error with the line that raised it: the last one outside of this package and libraries, if any."""
    if isinstance(error, UserError):  # it says where
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(PACKAGE) and _is_own(frame.filename)]
    frame = (own or frames)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno}: {frame.line})"


def _is_own(filename: str) -> bool:
    return "site-packages" not in filename and not filename.startswith("<")
