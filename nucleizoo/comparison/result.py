"""The scores and tests of all models, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, zip_longest

from nucleizoo.comparison.applied import Applied
from nucleizoo.comparison.columns import COLUMNS, PER_IMAGE, SCORES, figures
from nucleizoo.comparison.label_free import Likeness, likenesses
from nucleizoo.comparison.models import Model
from nucleizoo.comparison.published_scores import Published
from nucleizoo.comparison.significance import Spread, Test, compared, holm
from nucleizoo.comparison.training_log import History
from nucleizoo.metrics.protocol import PLAIN, Scoring


@dataclass(frozen=True, eq=False)
class Entry:
    """A model with its scores and costs.

    Attributes:
        model: its runs.
        applied, histories: one per run, in their order; of labels one, without a history.
        published: what papers say of the system that it is.
        figures: by the keys of `COLUMNS`; unknown ones are left out.
        per_image: by image, averaged over seeds, the score that tests compare: F1, unless a protocol ranks by
            another.
        rows: the figures of every run alone.
    """

    model: Model
    applied: list[Applied]
    histories: list[History]
    published: list[Published]
    figures: dict[str, Spread]
    per_image: dict[str, float]
    rows: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def of(
        cls, model: Model, applied: list[Applied], theirs: Sequence[Published], images: Sequence[str],
        rank_by: str,
    ) -> Entry:  # fmt: skip
        """Compute the figures of a model on `images` alone, and find what papers say of it."""
        histories = [History.of(run) for run in model.runs]
        rows = [figures(*one, images) for one in zip_longest(applied, histories)]
        known = [column.key for column in COLUMNS if all(column.key in row for row in rows)]
        _, score = PER_IMAGE[rank_by]
        per_image = {n: sum(score(one.compared[n]) for one in applied) / len(applied) for n in images}
        spreads = {key: Spread.of([row[key] for row in rows]) for key in known}
        published = [one for one in theirs if model.runs and one.describes(model.runs[0].config)]
        return cls(model, applied, histories, published, spreads, per_image, rows)


@dataclass(frozen=True, eq=False)
class Result:
    """All models, best first, on the images that all of them could be applied to.

    Attributes:
        entries: by F1 per image, or the score of the protocol, the highest first.
        images: their names.
        tests: of every pair of entries, the better one first.
        scoring: how labels were scored.
        published: scores from papers on the same data set, of all systems.
        note: what is to be said of the rows that were not asked for; '' for nothing.
    """

    entries: list[Entry]
    images: list[str]
    tests: dict[tuple[str, str], Test]
    scoring: Scoring = PLAIN
    published: Sequence[Published] = ()
    note: str = ""

    @property
    def rank_by(self) -> str:
        """The key of the column by which models are ranked."""
        return self.scoring.protocol.rank_by

    def likenesses(self, key: str) -> list[Likeness]:
        """How alike the scores without labels and one with them, by its key, order all runs."""
        true = next(column for column in SCORES if column.key == key)
        return likenesses([row for entry in self.entries if entry.model.runs for row in entry.rows], true)

    @property
    def tested(self) -> str:
        """The name of the score of an image, which tests compare."""
        return PER_IMAGE[self.rank_by][0]

    @classmethod
    def of(
        cls,
        entries: Sequence[Entry],
        images: Sequence[str],
        scoring: Scoring = PLAIN,
        published: Sequence[Published] = (),
        note: str = "",
    ) -> Result:
        """Rank and test the models."""
        ranked = sorted(entries, key=lambda entry: -entry.figures[scoring.protocol.rank_by].mean)
        tests = {
            (a.model.name, b.model.name): compared(list(a.per_image.values()), list(b.per_image.values()))
            for a, b in combinations(ranked, 2)
        }
        values = [test.p for test in tests.values() if test.p is not None]
        if len(values) == len(tests):  # the images are the same for all
            corrected = holm(values)
            tests = {
                key: replace(test, corrected=p)
                for (key, test), p in zip(tests.items(), corrected, strict=True)
            }
        return cls(ranked, list(images), tests, scoring, published, note)
