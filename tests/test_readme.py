"""What README.md and docs/ show is true: the entries, files, links, keys and code."""

import os
import re
from pathlib import Path

import pytest
from support.free_run import own_plugin

from nucleizoo import api, catalogue, cli, models
from nucleizoo.core.errors import ConfigError

ROOT = Path(__file__).parents[1]
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
SECTIONS = "DATASET|TARGET|METHOD|SOLVER|INFERENCE|MONITOR|SYSTEM"
FOLDERS = "configs|docs|nucleizoo|registry|tests|tools"
SMALL = ["DATASET.SIZE", "[32, 32]", "SOLVER.TOTAL", "2", "SOLVER.BATCH", "2", "SYSTEM.WORKERS", "0"]
SMALL += ["METHOD.GENERATOR.WIDTH", "4", "METHOD.GENERATOR.BLOCKS", "1", "METHOD.DISCRIMINATOR.WIDTH", "4"]
SMALL += ["DATASET.SOURCE.SEMI_AXIS", "[3, 5]", "DATASET.SOURCE.COUNT", "[2, 6]"]


def is_there(name):
    """Whether a file is in the repository."""
    return (ROOT / name).is_file()


def python_of(page):
    return re.findall(r"^```python\n(.*?)^```", PAGES[page], re.M | re.S)


def found(pattern):
    """(page, match) of all pages."""
    return sorted({(page, one) for page, text in PAGES.items() for one in re.findall(pattern, text)})


def anchors(text):
    """Those that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_table_of_entries_is_current():
    shown = (
        PAGES["docs/engineers.md"].split("<!-- nucleizoo list --markdown -->\n")[1].split("\n<!-- end -->")[0]
    )
    assert shown == catalogue.table(), "paste the output of: nucleizoo list --markdown"


@pytest.mark.parametrize(("page", "name"), found(rf"(?<![\w/.-])(?:{FOLDERS})/[\w/]+\.\w+"))
def test_a_file_it_names_exists(page, name):
    assert is_there(name)


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 140


@pytest.mark.parametrize(("page", "link"), found(r"\]\((?!https?:)([^)]+)\)"))
def test_a_link_leads_somewhere(page, link):
    file, _, anchor = link.partition("#")
    target = os.path.normpath(Path(page).parent / file) if file else page
    assert is_there(target)
    assert not anchor or anchor in anchors(PAGES[target])


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "soft_gan.py"
    file.write_text(next(block for block in python_of("README.md") if "METHODS.register" in block))
    with own_plugin():
        yield file


@pytest.fixture(scope="module")
def configs(plugin):
    """Every configuration that is complete, and one of the plugin."""
    toy = ROOT / "configs/toy/adgan_2d.yaml"
    loaded = [api.load_config(toy, ["METHOD.NAME", "softgan"], [str(plugin)])]
    for file in sorted((ROOT / "configs").rglob("*.yaml")):
        try:
            loaded.append(api.load_config(file))
        except ConfigError:  # a part of others
            assert file.parent.name in ("ablations", "data", "grids", "presets")
    return loaded


def holds(node, parts):
    return not parts or (parts[0] in node and holds(node[parts[0]], parts[1:]))


@pytest.mark.parametrize(("page", "key"), found(rf"\b(?:{SECTIONS})(?:\.[A-Z_]+)+"))
def test_a_key_it_names_exists(page, key, configs):
    assert any(holds(config, key.split(".")) for config in configs)


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


@pytest.mark.parametrize("page", PAGES)
def test_the_python_it_shows_runs(page, toy_images, tmp_path, monkeypatch, capsys):
    """Without the plugin; in a folder that holds `my_images`, with the sizes and steps of a toy."""
    examples = [block for block in python_of(page) if "register" not in block]
    if any("predict(None" in block for block in examples) and not models.shipped():
        pytest.skip("needs the shipped model")
    monkeypatch.chdir(tmp_path)
    Path("configs").symlink_to(ROOT / "configs")
    Path("my_images").symlink_to(toy_images / "images")
    load = api.load_config
    monkeypatch.setattr(api, "load_config", lambda path, pairs: load(path, [*pairs, *SMALL]))
    for block in examples:
        exec(compile(block, page, "exec"), {})
        assert "cell0.png" in capsys.readouterr().out
