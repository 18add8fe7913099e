"""The result of a comparison in plain sentences."""

from __future__ import annotations

from nucleizoo.comparison.columns import SCORES
from nucleizoo.comparison.result import Result
from nucleizoo.comparison.significance import FEWEST, LEVEL
from nucleizoo.core.format import plural

_SAME = 0.0005
"""A difference that three digits do not show."""


def verdict(result: Result) -> str:
    """Which model is best, and by how much."""
    best, *others = result.entries
    over = f"mean over {plural(len(result.images), 'image')}"
    column = next(column for column in SCORES if column.key == result.rank_by)
    name = "F1" if result.rank_by == "f1_per_image" else column.title
    score = best.figures[column.key].mean
    if score < _SAME:
        return f"No model finds nuclei: the {name} of the best is {score:.3f} ({over})."
    if not others:
        return (
            f"{best.model.name} finds nuclei with a score of {score:.3f}, {name} ({over}); there is no other "
            "model to compare it with."
        )
    second = others[0].model.name
    gap = score - others[0].figures[column.key].mean
    if gap < _SAME:
        return (
            f"{best.model.name} and {second} find nuclei equally well: both have {name} {score:.3f} ({over})."
        )
    return (
        f"{best.model.name} finds nuclei best: its {name} is {score:.3f}, {gap:.3f} above that of {second} "
        f"({over})."
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
        return f"The paired test{_of(result)} supports this ({chance(test.corrected)})."
    return (
        f"The paired test{_of(result)} does not support this ({chance(test.corrected)}): on these images "
        "the two may be equally good."
    )


def caution(result: Result) -> str:
    """What else a reader must know before trusting the verdict."""
    said: list[str] = []
    best = max(result.entries, key=lambda entry: entry.figures["dice"].mean)
    ahead = best.figures["dice"].mean - result.entries[0].figures["dice"].mean
    if ahead >= _SAME and result.rank_by != "dice":
        said.append(f"By Dice, which counts pixels and not nuclei, {best.model.name} is ahead.")
    trained = [entry for entry in result.entries if entry.model.learns]
    once = [entry.model.name for entry in trained if len(entry.model.runs) == 1]
    if once and len(result.entries) > 1:
        whose = "each model" if len(once) == len(trained) else ", ".join(once)
        said.append(f"There is only one seed of {whose}: with another, scores may change by several points.")
    return " ".join(said)


def likeness_text(result: Result) -> str:
    """How the scores without labels order the trainings; '' where there are too few of them."""
    kinds = {key: result.likenesses(key) for key in dict.fromkeys((result.rank_by, "dice"))}
    told = [
        f"with {next(column.title for column in SCORES if column.key == key)}: "
        + ", ".join(
            f"{one.column.title.lower()} {_rho(one.rho)} ({plural(one.runs, 'run')})" for one in found
        )
        for key, found in kinds.items()
        if found
    ]
    if not told:
        return ""
    return (
        f"Rank correlation over trainings (Spearman; 1: the same order, -1: the opposite), {'; '.join(told)}."
    )


def _rho(rho: float | None) -> str:
    return "undefined" if rho is None else f"{rho:.2f}"


def _of(result: Result) -> str:
    return "" if result.rank_by == "f1_per_image" else f" on {result.tested} per image"


def chance(p: float) -> str:
    """A p value, with two digits."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.2g}"
