"""Ablation: a method without each of its parts, next to the scores of its paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nucleizoo import api, comparison
from nucleizoo.core import text
from nucleizoo.core.errors import UserError
from nucleizoo.experiments import trials
from nucleizoo.figures import drawing
from nucleizoo.figures.tables import RUNS, averaged, write_runs
from nucleizoo.io import FULL_MARK, check_replaceable, write_results
from nucleizoo.metrics.files import write_rows

ABLATIONS = Path(__file__).parents[2] / "configs" / "ablations"
"""The tables, one file each."""


@dataclass(frozen=True)
class Ablation:
    """One table of a paper.

    Attributes:
        base: configuration that its rows change.
        scores: name -> path of a score in `metrics.summary`; the first is the paper's.
        rows: name -> KEY VALUE pairs.
        published: data set -> row -> the paper's score, in [0, 1].
        source: the paper, and its table.
    """

    base: Path
    scores: Mapping[str, str]
    rows: Mapping[str, list[str]]
    published: Mapping[str, Mapping[str, float]]
    source: str

    @classmethod
    def named(cls, name: str) -> Ablation:
        """The table in `configs/ablations/<name>.yaml`.

        Raises:
            UserError: when there is none of this name.
        """
        names = sorted(file.stem for file in ABLATIONS.glob("*.yaml"))
        if name not in names:
            known = ", ".join(names) or "none: use a git checkout"
            raise UserError(f"no ablation is called '{name}'; {ABLATIONS} has {known}")
        tree = text.read(ABLATIONS / f"{name}.yaml")
        rows = {
            row: [str(word) for pair in changes.items() for word in pair]
            for row, changes in tree["ROWS"].items()
        }
        named = {", ".join([tree["SYSTEM"], row]).removesuffix(", full"): row for row in rows}
        published: dict[str, dict[str, float]] = {}
        for one in comparison.of_table(tree["PUBLISHED"]):
            (score,) = one.scores.values()
            published.setdefault(one.dataset, {})[named[one.system]] = score.mean
        return cls(ABLATIONS / tree["BASE"], tree["SCORES"], rows, published, tree["PUBLISHED"])


def ablation(
    name: str,
    data: str | Path,
    out: str | Path,
    *,
    cfg: str | Path | None = None,
    seeds: int = 1,
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> Path:
    """Train a method without each of its parts in turn, and write its paper's table with our scores.

    Repeating the call resumes where it stopped; finished runs are reused.

    Args:
        name: of a file in `configs/ablations`.
        data: annotated data, a folder with `images` and `labels`, paired by name.
        out: folder for `ablation.png`, `ablation.csv` and `ablation.md` (a row per variant), `runs.csv`
            (a row per training), `runs` and `scores`.
        cfg: used instead of the configuration that the paper's scores belong to.
        seeds: trainings per row.
        overrides: KEY VALUE pairs applied to the configuration, before those of the rows.
        plugins: plugin files that the configuration needs.

    Returns:
        The PNG.

    Raises:
        UserError: for a name, configuration or data that cannot be used; before any training.
    """
    table = Ablation.named(name)
    base = table.base if cfg is None else Path(cfg)
    variants = {
        row.replace(" ", "_"): api.load_config(base, [*overrides, *pairs], plugins)
        for row, pairs in table.rows.items()
    }
    planned = trials.plan(variants, seeds)
    folder = drawing.prepare(out, "ablation", {"ablation": ("row", "runs"), "runs": RUNS})
    check_replaceable(folder / "ablation.md", "md")
    results = list(trials.perform(planned, Path(data), folder))
    write_runs(folder / "runs.csv", results, table.scores)
    ours = averaged(results, table.scores)
    rows = [
        {"row": row}
        | scores
        | {f"published {place}": published[row] for place, published in table.published.items()}
        for row, scores in zip(table.rows, ours.values(), strict=True)
    ]
    write_rows(folder / "ablation.csv", rows)
    about = f"{base.name} on {Path(data)}"
    _write_markdown(folder / "ablation.md", rows, table, about)
    return _drawn(rows, table, about, folder / "ablation.png")


def _write_markdown(path: Path, rows: Sequence[Mapping[str, Any]], table: Ablation, about: str) -> None:
    """Write the table for a report, spreads after their means."""
    first = next(iter(table.scores))
    seeds = rows[0]["runs"]
    heads = ["row", *table.scores, *(f"{first}, published, {place}" for place in table.published)]
    spread = f"mean ± sd of {seeds} seeds" if seeds > 1 else "one seed"
    lines = [
        f"Ours: {about}, {spread}. <!-- {FULL_MARK} -->", "",
        f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}",
    ]  # fmt: skip
    for row in rows:
        ours = [f"{row[s]:.3f}" + (f" ± {row[f'{s} sd']:.3f}" if seeds > 1 else "") for s in table.scores]
        theirs = [f"{row[f'published {place}']:.3f}" for place in table.published]
        lines.append(f"| {' | '.join([row['row'], *ours, *theirs])} |")
    lines += ["", f"Published: {table.source}."]
    write_results({path: "\n".join(lines) + "\n"})


def _drawn(rows: Sequence[Mapping[str, Any]], table: Ablation, about: str, path: Path) -> Path:
    """The paper's score, a line per row of the table: ours filled, published ones hollow."""
    first, heights = next(iter(table.scores)), range(len(rows))
    seeds = rows[0]["runs"]
    spreads = [row[f"{first} sd"] for row in rows] if seeds > 1 else None
    label = f"ours (mean, sd of {seeds})" if seeds > 1 else "ours (one seed)"
    figure = drawing.sheet(8, 0.5 * len(rows) + 1.6)
    place = figure.subplots()
    place.errorbar(
        [row[first] for row in rows], heights, xerr=spreads,
        fmt="o", capsize=3, color="black", label=label,
    )  # fmt: skip
    for index, data in enumerate(table.published):
        place.plot(
            [row[f"published {data}"] for row in rows], [height + 0.12 * (index + 1) for height in heights],
            linestyle="none", fillstyle="none",
            marker=drawing.MARKERS[index + 1], color=drawing.COLOURS[index], label=f"published, {data}",
        )  # fmt: skip
    place.set_yticks(heights, [row["row"] for row in rows])
    place.invert_yaxis()
    place.set_xlim(-0.02, 1.02)  # a marker at either end is whole
    place.set_xlabel(f"{first} in [0, 1]")
    place.set_title(f"ours: {about}", fontsize=9)
    place.grid(alpha=0.3)
    place.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return drawing.write(figure, path)
