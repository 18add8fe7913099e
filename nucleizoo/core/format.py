"""Counts, durations and lists as text, for messages."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """'1 image', '2 images'."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def with_article(noun: str) -> str:
    """'a loss', 'an optimiser'."""
    return f"{'an' if noun[:1] in tuple('aeiou') else 'a'} {noun}"


def duration(seconds: float) -> str:
    """'7 s', '2 min 5 s', '3 h 20 min'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def storage(count: float) -> str:
    """Bytes: '13.6 GB', '4.2 MB', '0.1 kB'."""
    size, unit = next((one for one in ((1e9, "GB"), (1e6, "MB")) if count >= one[0]), (1e3, "kB"))
    return f"{count / size:.1f} {unit}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its class if it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def listed(words: Sequence[str]) -> str:
    """The first three of a list, with dots if there are more.

    Example:
        >>> listed(["a", "b", "c", "d"])
        'a, b, c, ...'
    """
    return ", ".join([*words[:3], *["..."] * (len(words) > 3)])


def either(words: Sequence[str]) -> str:
    """The first three of a list, to choose from.

    Example:
        >>> either(["a", "b", "c", "d"])
        'a, b or c'
    """
    *others, last = words[:3]
    return f"{', '.join(others)} or {last}" if others else last
