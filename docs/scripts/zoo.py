"""The zoo as a table: every method, its paper, what papers publish of it, ours, and its configurations.

    python docs/scripts/zoo.py    # writes it anew into docs/papers.md, and a short one into README.md

Methods and papers are from the registry, published scores from the files beside the methods, ours from the
tables in docs/results, which `nucleizoo compare --grid` writes.
"""

from __future__ import annotations

import csv
import inspect
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from nucleizoo import comparison
from nucleizoo.comparison.columns import SCORES
from nucleizoo.comparison.published_scores import Published, published
from nucleizoo.comparison.significance import Spread
from nucleizoo.contracts import Program
from nucleizoo.core import text
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import METHODS

ROOT = Path(__file__).parents[2]

MAIN = ("dice", "ap50_per_image", "f1", "op_csb")
"""Scores by which a system is shown, the first that it has."""

FIRST = "Fluo-N2DL-HeLa"
"""The data set of the short table, where a method has a score of it."""


def table(*, short: bool = False) -> str:
    """The table in Markdown.

    Args:
        short: one published score and one configuration per method, without other people's programs.
    """
    load_plugins()
    heads = ["method", "paper", "published", "ours, on a CPU", "for a CPU"] + ["full size"] * (not short)
    rows = [one for dataset in comparison.datasets() for one in published(dataset)]
    files = sorted((ROOT / "configs").glob("*.yaml"))
    configs = {file.stem: setting(file, "METHOD", "NAME") for file in files}
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for name in shelf():
        if short and issubclass(METHODS.get(name), Program):
            continue
        mine = [config for config, method in configs.items() if method == name]
        small = [config for config in mine if is_small(config)]
        theirs, here = published_of(name, rows), list(ours(mine))
        if short:
            theirs = sorted(theirs, key=lambda one: (one[1].dataset != FIRST, -main(one[1])[1].mean))[:1]
            small = sorted(small or mine, key=lambda one: ("hela" not in one, len(one)))[:1]
        cells = [
            f"`{name}`", paper_of(name), "; ".join(told for told, _ in theirs), "; ".join(here) or "not yet",
            ", ".join(f"`{one}`" for one in small),
        ]  # fmt: skip
        cells += [] if short else [", ".join(f"`{one}`" for one in mine if not is_small(one))]
        lines.append(f"| {' | '.join(cell or 'none' for cell in cells)} |")
    return "\n".join(lines)


def shelf() -> list[str]:
    """Names of the methods that come with nucleizoo."""
    return [one for one in METHODS.names() if METHODS.get(one).__module__.startswith("nucleizoo.registry")]


def is_small(config: str) -> bool:
    """Whether a configuration needs no GPU, by its name or because nothing is trained."""
    return config.endswith("_cpu") or setting(ROOT / "configs" / f"{config}.yaml", "SOLVER", "TOTAL") == 0


def setting(file: Path, section: str, key: str) -> Any:
    """What a configuration says, itself or its last base that does; None where none does."""
    tree = _tree(file.resolve())
    bases = tree.get("_BASE_", [])
    told = [
        setting(file.parent / base, section, key) for base in ([bases] if isinstance(bases, str) else bases)
    ]
    return next((one for one in [tree.get(section, {}).get(key), *reversed(told)] if one is not None), None)


@cache
def _tree(file: Path) -> dict[str, Any]:
    return text.read(file)


def paper_of(method: str) -> str:
    """The first reference of a method's module, as authors and year."""
    told = inspect.getdoc(inspect.getmodule(METHODS.get(method))) or ""
    found = re.search(r"^\[1\] ([^\n]+? et al\.|[^\n]+? and \w+|[^,]+),(?s:.*?)((?:19|20)\d\d)", told, re.M)
    assert found, f"{method}: its module names no paper as [1]"
    return f"{found[1]}, {found[2]}"


def main(one: Published) -> tuple[str, Spread]:
    """The score that a system is shown by, and its name."""
    key = next(key for key in MAIN if key in one.scores)
    return next(column.title for column in SCORES if column.key == key).split(",")[0], one.scores[key]


def published_of(method: str, rows: Sequence[Published]) -> list[tuple[str, Published]]:
    """Scores of the systems that are this method, in words; not of those that lack a part of it."""
    mine = [one for one in rows if one.settings.get("METHOD.NAME") == method and ", no " not in one.system]
    first = {
        (one.system, one.dataset): one for one in reversed(mine) if any(key in one.scores for key in MAIN)
    }
    found = []
    for one in reversed(first.values()):
        name, score = main(one)
        found.append((f"{one.system} {name} {spread(score.mean, score.sd)} ({one.dataset})", one))
    return found


def ours(configs: list[str]) -> Iterator[str]:
    """The best Dice of these configurations on every set, the mean over seeds."""
    for file in sorted((ROOT / "docs" / "results").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as opened:
            rows = [row for row in csv.DictReader(opened) if row["model"] in configs]
        values = {name: [float(row["dice"]) for row in rows if row["model"] == name] for name in configs}
        if found := {name: dice for name, dice in values.items() if dice}:
            best = max(found, key=lambda name: mean(found[name]))
            dice = found[best]
            yield f"Dice {spread(mean(dice), stdev(dice) if len(dice) > 1 else None)} (`{best}`, {file.stem})"


def spread(value: float, sd: float | None) -> str:
    """A mean and its standard deviation."""
    return f"{value:.3f}" + ("" if sd is None else f" ± {sd:.3f}")


def filled(page: str, *, short: bool) -> str:
    """A page with the table between its marks, as it is now."""
    begin, end = "<!-- python docs/scripts/zoo.py -->\n", "<!-- end -->"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}{table(short=short)}\n{end}{rest.partition(end)[2]}"


PAGES = {ROOT / "README.md": True, ROOT / "docs" / "papers.md": False}
"""Pages with the table, and whether it is the short one."""

if __name__ == "__main__":
    for page, short in PAGES.items():
        page.write_text(filled(page.read_text(encoding="utf-8"), short=short), encoding="utf-8")
