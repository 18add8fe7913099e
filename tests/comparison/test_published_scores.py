from pathlib import Path

from nucleizoo import METHODS, api
from nucleizoo.comparison import datasets, published_scores
from nucleizoo.comparison.columns import SCORES
from nucleizoo.comparison.published_scores import published

CONFIGS = Path(__file__).parents[2] / "configs"


def known(name, dataset, *words):
    return {one.score: one.value for one in published(api.load_config(CONFIGS / name, words), dataset)}


def test_scores_of_the_papers_stand_beside_the_method_and_data_they_are_of():
    assert known("adgan_hela.yaml", "fluo-n2dl-hela") == {"dice": 0.909}
    assert known("adgan_ins_hela.yaml", "Fluo-N2DL-HeLa")["op_csb"] == 0.894
    assert known("cysgan_nucexm.yaml", "NucExM") == {"ap50": 0.931}
    assert known("u3dbcd_nucexm_translated.yaml", "NucExM") == {"ap50": 0.874}
    assert known("cysgan_nucexm_no_semi_supervision.yaml", "NucExM") == {"ap50": 0.878}


def test_what_no_paper_says_is_left_empty():
    assert known("adgan_hela.yaml", "") == known("adgan_hela.yaml", "mine") == {}
    assert known("adgan_hela.yaml", "NucExM") == known("u3dbcd_nucexm.yaml", "NucExM") == {}
    assert known("adgan_hela.yaml", "HaCaT", "METHOD.CYCLE.WEIGHT", "0") == {}


def test_every_published_score_is_a_column_and_a_share():
    keys = {column.key for column in SCORES}
    rows = [row for name in METHODS.names() for row in published_scores._rows_of(name)]
    assert len(rows) > 20
    for row in rows:
        assert row["scores"].keys() <= keys and row.get("sd", {}).keys() <= row["scores"].keys()
        assert all(0 < value < 1 for value in row["scores"].values()) and row["source"]
    assert "Fluo-N2DL-HeLa" in datasets()


def test_a_plugin_brings_what_its_paper_says(tmp_path, monkeypatch):
    for name in ("_entries", "_places"):
        monkeypatch.setattr(METHODS, name, dict(getattr(METHODS, name)))
    (tmp_path / "novel.py").write_text(
        "from nucleizoo import METHODS\n\n@METHODS.register('novel')\n"
        "class Novel(METHODS.get('adgan')):\n    'New.'\n"
    )
    row = "{dataset: HaCaT, when: {METHOD.ALIGNED: true}, scores: {f1: 0.5}, source: a paper}"
    (tmp_path / "novel.yaml").write_text(f"rows: [{row}]\n")
    words, plugins = ["METHOD.NAME", "novel"], [str(tmp_path / "novel.py")]
    config = api.load_config(CONFIGS / "adgan_hela.yaml", words, plugins)
    (one,) = published(config, "hacat")
    assert (one.score, one.value, one.source) == ("f1", 0.5, "a paper")
