"""The result in plain sentences."""

from __future__ import annotations

from nucleizoo.comparison._result import Result
from nucleizoo.comparison._statistics import FEWEST, LEVEL

_SAME = 0.0005
"""A difference that three digits do not show."""


def verdict(result: Result) -> str:
    """Which model is best, by how much, and whether the test supports it."""
    best, *others = result.entries
    images = plural(len(result.images), "image")
    score = best.figures["f1_per_image"].mean
    if not others:
        return (
            f"{best.model.name} finds nuclei with an F1 of {score:.3f} (mean over {images}); there is no "
            "other model to compare it with."
        )
    second = others[0]
    test = result.tests[best.model.name, second.model.name]
    if test.difference < _SAME:
        return (
            f"{best.model.name} and {second.model.name} find nuclei equally well: both have an F1 of "
            f"{score:.3f} (mean over {images})."
        )
    lead = f"{test.difference:.3f} above that of {second.model.name}"
    return (
        f"{best.model.name} finds nuclei best: its F1 is {score:.3f} (mean over {images}), {lead}. "
        f"{_supported(test.corrected, len(result.images))}"
    )


def caution(result: Result) -> str:
    """What else a reader must know before believing it."""
    said = []
    best = max(result.entries, key=lambda entry: entry.figures["dice"].mean)
    if best is not result.entries[0]:
        said.append(f"By Dice, which counts pixels and not nuclei, {best.model.name} is ahead.")
    once = [entry.model.name for entry in result.entries if len(entry.model.runs) == 1]
    if once and len(result.entries) > 1:
        whose = "each model" if len(once) == len(result.entries) else ", ".join(once)
        said.append(f"There is one seed of {whose}: trained again, scores may move by several points.")
    return " ".join(said)


def chance(p: float) -> str:
    """A p value, with two digits."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.2g}"


def plural(count: int, noun: str) -> str:
    """'1 image', '2 images'."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _supported(p: float | None, images: int) -> str:
    if p is None:
        return (
            f"With {plural(images, 'image')} no test can tell whether that is chance: too few images, "
            f"{FEWEST} are the least."
        )
    if p < LEVEL:
        return f"The paired test supports this ({chance(p)})."
    return f"The paired test does not support this ({chance(p)}): on these images they may be equally good."
