from pathlib import Path

import pytest

from nucleizoo import METHODS, api
from nucleizoo.comparison import datasets
from nucleizoo.comparison.published_scores import published
from nucleizoo.core.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"


def beside(name, dataset, *words):
    """Scores that stand beside a configuration's, the first table that has one."""
    config = api.load_config(CONFIGS / name, words)
    rows = [row for row in published(dataset) if row.describes(config)]
    return {key: score.mean for row in reversed(rows) for key, score in row.scores.items()}


def test_scores_of_the_papers_stand_beside_the_method_and_data_they_are_of():
    assert beside("adgan_hela.yaml", "fluo-n2dl-hela") == {"precision": 0.928, "recall": 0.892, "dice": 0.909}
    assert beside("adgan_ins_hela.yaml", "Fluo-N2DL-HeLa")["op_csb"] == 0.894
    assert beside("cysgan_nucexm.yaml", "NucExM") == {"ap50_per_image": 0.931}
    assert beside("u3dbcd_nucexm_translated.yaml", "NucExM") == {"ap50_per_image": 0.874}
    assert beside("cysgan_nucexm_no_semi_supervision.yaml", "NucExM") == {"ap50_per_image": 0.878}
    assert beside("adgan_hela.yaml", "HaCaT", "METHOD.ALIGNED", "false") == {"dice": 0.802}


def test_what_no_paper_says_is_left_empty():
    assert beside("adgan_hela.yaml", "") == beside("adgan_hela.yaml", "mine") == {}
    assert beside("adgan_hela.yaml", "NucExM") == beside("u3dbcd_nucexm.yaml", "NucExM") == {}
    assert beside("adgan_hela.yaml", "HaCaT", "METHOD.CYCLE.WEIGHT", "0") == {}


def test_systems_that_cannot_be_trained_here_stand_in_the_tables_too():
    config = api.load_config(CONFIGS / "adgan_hela.yaml")
    rows = {row.system: row for row in published("BBBC024")}
    assert {"CellProfiler", "Squassh", "SpCycleGAN", "DeepSynth"} < rows.keys()
    assert not any(rows[name].describes(config) for name in ("Squassh", "DeepSynth"))


def test_published_scores_are_shares_and_of_the_kind_that_their_papers_tell():
    rows = [row for name in datasets() for row in published(name)]
    assert len(rows) == 106
    scores = [score for row in rows for score in row.scores.values()]
    assert all(0 < score.mean < 1 for score in scores)
    assert all(score.sd is None or 0 < score.sd < 0.2 for score in scores)
    for row in rows:
        if row.scores.keys() >= {"seg", "det"} and "challenge" not in row.system:
            of_both = (row.scores["seg"].mean + row.scores["det"].mean) / 2
            assert row.scores["op_csb"].mean == pytest.approx(of_both, abs=0.0011)  # three digits each
        if row.source.startswith("Lauenburg"):
            assert row.scores.keys() == {"ap50_per_image"} and row.scores["ap50_per_image"].sd is None


def test_the_mean_of_both_volumes_is_that_of_each():
    of = {
        (row.source.split("table ")[1], row.system): row.scores["ap50_per_image"].mean
        for row in published("NucExM")
    }
    for system in {system for table, system in of if table.startswith("2")}:
        first, second = of["2, first volume", system], of["2, second volume", system]
        assert of["2, mean of both volumes", system] == pytest.approx((first + second) / 2, abs=0.0011)


@pytest.fixture
def novel(tmp_path, monkeypatch):
    """The path of a plugin with a method, and that of its scores."""
    for name in ("_entries", "_places"):
        monkeypatch.setattr(METHODS, name, dict(getattr(METHODS, name)))
    (tmp_path / "novel.py").write_text(
        "from nucleizoo import METHODS\n\n@METHODS.register('novel')\n"
        "class Novel(METHODS.get('adgan')):\n    'New.'\n"
    )
    return tmp_path / "novel.py", tmp_path / "novel.yaml"


def test_a_plugin_brings_what_its_paper_says(novel):
    plugin, scores = novel
    scores.write_text(
        "{paper: A paper, systems: {New: {METHOD.NAME: novel}}, tables: {table 1: {Mine: {New: {f1: 0.5}}}}}"
    )
    config = api.load_config(CONFIGS / "adgan_hela.yaml", ["METHOD.NAME", "novel"], [str(plugin)])
    (one,) = published("mine")
    assert one.describes(config) and one.scores["f1"].mean == 0.5 and one.source == "A paper, table 1"


def test_a_score_that_is_no_column_is_refused_by_name(novel):
    plugin, scores = novel
    scores.write_text("{paper: A paper, tables: {table 1: {Mine: {New: {iou: 0.5}}}}}")
    api.load_config(CONFIGS / "adgan_hela.yaml", ["METHOD.NAME", "novel"], [str(plugin)])
    with pytest.raises(ConfigError, match=r"novel\.yaml: 'iou' .* f1"):
        published("mine")
