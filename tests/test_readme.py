"""What the README shows is true."""

import re
import shlex
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


def command_lines():
    """Every command in indented blocks and in the text: what is behind `nucleizoo`, in the page's order."""
    pattern = re.compile(
        r"^ {4,}(?:\.venv/bin/)?nucleizoo (?P<block>.+)|^ .*tools/(?P<tool>train)\.py(?P<words>.+)"
        r"|`nucleizoo (?P<inline>[^`]+ --[^`]+)`",
        re.M,
    )
    found = [one.groupdict("") for one in pattern.finditer(re.sub(r" *\\\n +", " ", TEXT))]
    lines = [one["block"] or one["tool"] + one["words"] or one["inline"] for one in found]
    return [line.removesuffix("KEY VALUE ...").strip() for line in lines]


def test_all_commands_are_found():
    assert len(command_lines()) >= TEXT.count("bin/nucleizoo ") >= 15
    assert {line.split()[0] for line in command_lines()} == set(cli.COMMANDS)


@pytest.mark.parametrize("line", command_lines())
def test_a_command_it_shows_is_one_that_the_program_takes(line, monkeypatch):
    """The real parsers read it; nothing is done."""
    for module in cli.COMMANDS.values():
        monkeypatch.setattr(f"nucleizoo.cli.{module}.guarded", lambda work, **settings: 0)
    assert cli.main(shlex.split(line)) == 0


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


def test_the_biologists_commands_run_one_after_the_other(toy_images, annotated, tmp_path, monkeypatch):
    """As they stand, in their order, on toys: only sizes, steps and what was never trained are put in."""
    monkeypatch.chdir(tmp_path)
    for name, there in {
        "configs": ROOT / "configs", "annotated": annotated, "my_images": annotated / "images",
        "my_annotations": annotated / "labels", "label_files": annotated / "labels",
    }.items():  # fmt: skip
        (tmp_path / name).symlink_to(there)
    small = (
        'DATASET.SIZE "[32, 32]" DATASET.IMAGE.ZOOM "[1.0]" DATASET.SOURCE.SEMI_AXIS "[3, 5]" '
        'DATASET.SOURCE.COUNT "[2, 6]" METHOD.GENERATOR.WIDTH 4 METHOD.GENERATOR.BLOCKS 1 '
        "METHOD.DISCRIMINATOR.WIDTH 4 SOLVER.TOTAL 2 SOLVER.BATCH 2"
    )
    section = TEXT.split("## For biologists")[1].split("## With labels")[0]
    part = {"train": small, "sample": "--count 2 --size 48 48 DATASET.ROOT my_images " + small}
    done = []
    for line in command_lines():
        if line not in flat(section):
            continue
        words = shlex.split(f"{line} {part.get(line.split()[0], '')}")
        if words[0] == "train":
            again = [*(word.replace("runs/mine", "runs/other") for word in words), "SYSTEM.SEED", "11"]
            assert cli.main(again) == 0  # the one to compare with
        assert cli.main(words) == 0, line
        done.append(words[0])
    assert done.count("predict") == 3
    assert {"estimate", "train", "predict", "evaluate", "compare", "list", "sample"} == set(done)
    for made in (
        "measured.png",
        "scores/metrics.json",
        "scores/images.csv",
        "report/report.html",
        "look/panel.png",
    ):
        assert (tmp_path / made).is_file(), made
    assert len(list((tmp_path / "my_labels").glob("*_label.tif"))) == 8
    assert list((tmp_path / "made").iterdir())


def flat(text):
    """With continued lines joined, as `command_lines` has them."""
    return re.sub(r" *\\\n +", " ", text)
