"""The result of a comparison in plain sentences."""

from __future__ import annotations

from nucleizoo.comparison.result import Result
from nucleizoo.comparison.significance import FEWEST, LEVEL
from nucleizoo.core.format import plural

_SAME = 0.0005
"""A difference that three digits do not show."""


def verdict(result: Result) -> str:
    """Which model is best, and by how much."""
    best, *others = result.entries
    images = plural(len(result.images), "image")
    score = best.figures["f1_per_image"].mean
    if score < _SAME:
        return f"No model finds nuclei: the F1 of the best is {score:.3f} (mean over {images})."
    if not others:
        return (
            f"{best.model.name} finds nuclei with an F1 of {score:.3f} (mean over {images}); there is no "
            "other model to compare it with."
        )
    second = others[0].model.name
    gap = result.tests[best.model.name, second].difference
    if gap < _SAME:
        return (
            f"{best.model.name} and {second} find nuclei equally well: both have an F1 of {score:.3f} (mean "
            f"over {images})."
        )
    return (
        f"{best.model.name} finds nuclei best: its F1 is {score:.3f}, {gap:.3f} above that of {second} (mean "
        f"over {images})."
    )


def support(result: Result) -> str:
    """Whether the test between the best two supports the verdict; '' if there is nothing to test."""
    best, *others = result.entries
    if not others:
        return ""
    test = result.tests[best.model.name, others[0].model.name]
    if test.difference < _SAME:
        return ""
    if test.corrected is None:
        return (
            f"No test can tell whether this is chance with so few images ({test.images}; at least {FEWEST} "
            "are needed)."
        )
    if test.corrected < LEVEL:
        return f"The paired test supports this ({chance(test.corrected)})."
    return (
        f"The paired test does not support this ({chance(test.corrected)}): on these images the two may be "
        "equally good."
    )


def caution(result: Result) -> str:
    """What else a reader must know before trusting the verdict."""
    said: list[str] = []
    best = max(result.entries, key=lambda entry: entry.figures["dice"].mean)
    ahead = best.figures["dice"].mean - result.entries[0].figures["dice"].mean
    if ahead >= _SAME:
        said.append(f"By Dice, which counts pixels and not nuclei, {best.model.name} is ahead.")
    once = [entry.model.name for entry in result.entries if len(entry.model.runs) == 1]
    if once and len(result.entries) > 1:
        whose = "each model" if len(once) == len(result.entries) else ", ".join(once)
        said.append(f"There is only one seed of {whose}: with another, scores may change by several points.")
    return " ".join(said)


def chance(p: float) -> str:
    """A p value, with two digits."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.2g}"
