"""The gallery of the page: pictures with their true labels and the predictions of every model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nucleizoo import build
from nucleizoo.comparison import page_pictures
from nucleizoo.comparison.annotations import names_of
from nucleizoo.comparison.applied import Drawn
from nucleizoo.comparison.columns import PER_IMAGE
from nucleizoo.comparison.pairs import Pair
from nucleizoo.comparison.result import Entry, Result
from nucleizoo.metrics.files import COLOURS
from nucleizoo.preprocess import Reader

SHOWN = 48
"""Pictures on the page, those with the lowest scores."""


def gallery(result: Result, pairs: Sequence[Pair], plain: Reader) -> dict[str, Any]:
    """Pictures for the page, and the colours in them: those with the lowest mean score first.

    `plain` reads pictures where the best row is no run.
    """
    means = {
        name: sum(entry.per_image[name] for entry in result.entries) / len(result.entries)
        for name in result.images
    }
    worst = sorted(result.images, key=means.__getitem__)[:SHOWN]
    pictures = _pictures_of(result, pairs, set(worst), plain)
    return {
        "gallery": [_card(result, name, pictures[name], means[name]) for name in worst],
        "colours": {kind: _hexadecimal(colour) for kind, colour in COLOURS.items()},
        "outline": _hexadecimal(page_pictures.OUTLINE),
    }


def _pictures_of(result: Result, pairs: Sequence[Pair], wanted: set[str], plain: Reader) -> dict[str, str]:
    """Grey pictures by name, as the best model reads the files."""
    first = result.entries[0]
    reader = build.reader(first.model.runs[0].config) if first.model.runs else plain
    made = dict[str, str]()
    for pair in pairs:
        flat = {name: z for name, z, _ in pair.planes if name in wanted}
        if not flat and not any(n == pair.name or n.startswith(f"{pair.name} plane ") for n in wanted):
            continue
        planes = reader.looks(pair.picture)
        made |= {name: page_pictures.picture(planes[0][z]) for name, z in flat.items()}
        for name, image in zip(names_of(pair, len(planes)), planes, strict=True):
            if name in wanted:
                plane = first.applied[0].drawn[name].plane
                made[name] = page_pictures.picture(image if plane is None else image[plane])
    return made


def _card(result: Result, name: str, picture: str, mean: float) -> dict[str, Any]:
    drawn = result.entries[0].applied[0].drawn[name]
    y, x = drawn.size
    size = f"{x} x {y} pixels" + ("" if drawn.plane is None else f", plane {drawn.plane} shown, all counted")
    return {
        "name": name, "size": size, "ratio": f"{x} / {y}", "mean": mean, "picture": picture,
        "truth": drawn.truth, "true": f"annotated: {_nuclei(drawn.true)}",
        "models": [_made(result, entry, name) for entry in result.entries],
    }  # fmt: skip


def _made(result: Result, entry: Entry, name: str) -> dict[str, Any]:
    drawn: Drawn = entry.applied[0].drawn[name]
    counts = ", ".join(f"{count} {kind}" for kind, count in drawn.counts.items() if count)
    return {
        "score": PER_IMAGE[result.rank_by][1](entry.applied[0].compared[name]),
        "prediction": drawn.prediction,
        "found": f"predicted: {_nuclei(drawn.found)}",
        "errors": drawn.errors,
        "counts": counts or "nothing annotated, nothing predicted",
    }


def _nuclei(count: int) -> str:
    return {0: "no nuclei", 1: "1 nucleus"}.get(count, f"{count} nuclei")


def _hexadecimal(colour: tuple[int, ...]) -> str:
    return "#" + "".join(f"{level:02x}" for level in colour)
