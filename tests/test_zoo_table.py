"""The table of the zoo in README.md and docs/papers.md is what its script makes of registry and results."""

import runpy
from pathlib import Path

import pytest

from nucleizoo.comparison.published_scores import published
from nucleizoo.contracts import Program
from nucleizoo.kinds import METHODS

ROOT = Path(__file__).parents[1]
ZOO = runpy.run_path(str(ROOT / "docs" / "scripts" / "zoo.py"))


@pytest.mark.parametrize("page", ZOO["PAGES"], ids=lambda page: page.name)
def test_the_table_of_the_zoo_is_current(page):
    shown, short = page.read_text(), ZOO["PAGES"][page]
    assert shown == ZOO["filled"](shown, short=short), "run: python docs/scripts/zoo.py"
    for name in ZOO["shelf"]():
        is_left_out = short and issubclass(METHODS.get(name), Program)
        assert (f"| `{name}` | " in shown) is not is_left_out
    assert set(ZOO["shelf"]()) >= {"adgan", "cysgan", "supervised"}


def test_a_setting_is_that_of_the_last_base_that_has_it(tmp_path):
    (tmp_path / "a.yaml").write_text("METHOD: {NAME: one}\nSOLVER: {TOTAL: 0}\n")
    (tmp_path / "b.yaml").write_text("METHOD: {NAME: two}\n")
    (tmp_path / "c.yaml").write_text("_BASE_: [a.yaml, b.yaml]\n")
    told = [ZOO["setting"](tmp_path / "c.yaml", *key) for key in (("METHOD", "NAME"), ("SOLVER", "TOTAL"))]
    assert told == ["two", 0] and ZOO["setting"](tmp_path / "b.yaml", "SOLVER", "TOTAL") is None


def test_published_scores_are_of_the_whole_system_and_the_first_table():
    told = [words for words, _ in ZOO["published_of"]("adgan", published("Fluo-N2DL-HeLa"))]
    assert "AD-GAN Dice 0.909 \u00b1 0.006 (Fluo-N2DL-HeLa)" in told  # table 1, not the 0.911 of table 3
    assert not any("no ADT" in one for one in told)


def test_ours_are_means_over_seeds_of_the_best_configuration(tmp_path, monkeypatch):
    (tmp_path / "docs" / "results").mkdir(parents=True)
    rows = ["model,seed,dice", "a,10,0.5", "a,11,0.7", "b,10,0.55", "other,10,0.9"]
    (tmp_path / "docs" / "results" / "cells.csv").write_text("\n".join(rows))
    monkeypatch.setitem(ZOO["ours"].__globals__, "ROOT", tmp_path)
    assert list(ZOO["ours"](["a", "b"])) == ["Dice 0.600 \u00b1 0.141 (`a`, cells)"]
