"""What the README shows is true."""

import re
from pathlib import Path

import pytest

from nucleizoo import api, catalogue, cli

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_the_table_of_entries_is_current():
    shown = TEXT.split("<!-- nucleizoo list --markdown -->\n")[1].split("\n<!-- end -->")[0]
    assert shown == catalogue.table(), "paste the output of: nucleizoo list --markdown"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"(?:configs|docs)/[\w/]+\.\w+", TEXT))))
def test_files_it_names_exist(name):
    assert (ROOT / name).is_file()


SECTIONS = "DATASET|TARGET|METHOD|SOLVER|INFERENCE|MONITOR|SYSTEM"
PLUGIN = re.search(r"```python\n(.*?)```", TEXT, re.S).group(1)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "soft_gan.py"
    file.write_text(PLUGIN)
    return file


@pytest.mark.parametrize("key", sorted(set(re.findall(rf"\b(?:{SECTIONS})(?:\.[A-Z_]+)+", TEXT))))
def test_keys_it_names_exist(key, plugin):
    shown = [api.load_config(ROOT / "configs" / f"{name}.yaml") for name in ("my_images_2d", "my_labels_2d")]
    shown.append(
        api.load_config(ROOT / "configs/toy/adgan_2d.yaml", ["METHOD.NAME", "softgan"], [str(plugin)])
    )

    def holds(node, parts):
        return not parts or (parts[0] in node and holds(node[parts[0]], parts[1:]))

    assert any(holds(config, key.split(".")) for config in shown)


def test_the_plugin_it_shows_trains_and_predicts(toy_images, tmp_path, plugin):
    overrides = [
        "METHOD.NAME",
        "softgan",
        "METHOD.CYCLE.EPS",
        "0.01",
        "DATASET.ROOT",
        str(toy_images / "images"),
    ]
    small = ["METHOD.GENERATOR.WIDTH", "4", "METHOD.GENERATOR.BLOCKS", "1", "METHOD.DISCRIMINATOR.WIDTH", "4"]
    cfg = str(ROOT / "configs/toy/adgan_2d.yaml")
    out = str(tmp_path / "run")
    assert cli.main(["train", "--cfg", cfg, "--plugin", str(plugin), "--out", out, *overrides, *small]) == 0
    done = ["--run", out, "--input", str(toy_images / "images"), "--output", str(tmp_path / "labels")]
    assert cli.main(["predict", *done, "--plugin", str(plugin)]) == 0
    assert list((tmp_path / "labels").glob("*_label.tif"))
