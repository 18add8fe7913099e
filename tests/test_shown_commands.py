"""The commands that README.md and docs/ show: the program takes them all, and those of each section run.

A section's commands run in its order, as they stand, in a folder of generated data (`world`); only sizes and
steps are put in, and runs and labels that a section takes as given are made first. What a document newly
names is added to `world` or `STANDS_FOR`, a command that cannot run here to `NOT_RUN`.
"""

import re
import shlex
import shutil
from itertools import groupby, pairwise
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
import torch
from support import published_checkpoints, published_sets
from support.free_run import own_plugin
from support.toy_picture import toy_picture

from nucleizoo import api, cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECORDS = ("datasets.md", "performance.md", "results.md")
STANDS_FOR = {
    "FILE": "configs/toy/adgan_2d.yaml",
    "NAME": "Fluo-N2DL-HeLa",
    "data/NAME": "data/Fluo-N2DL-HeLa",
    "OUT": "out",
}
"""What is put in where a document leaves a word open."""
NOT_RUN = {
    r"data fetch": "downloads; tests/published/test_fetch.py has its own server",
    r"torchrun": "several processes, minutes; see tests/training/test_ranks.py",
    r"figure (ablation|sensitivity)": "many trainings, minutes; see tests/figures/test_figures.py",
    r"cellpose": "another program, not installed here; see tests/registry/test_programs.py",
    r"compare --grid": "many trainings, hours; see tests/experiments/test_grid.py",
    r"--protocol": "labels of a published set; see tests/metrics/test_protocol.py",
    r"figure histograms": "data of two domains; see tests/figures/test_panels.py",
}
"""Pattern in a line -> why it is not run."""
NEEDS = {
    r"nucleizoo figure": ("matplotlib", "sklearn"),
    r"zarr": ("zarr",),
    r"--dask": ("distributed",),
}
"""Pattern in a line -> packages of extras that it needs."""
SMALL = {
    "DATASET.IMAGE.ZOOM": "[1.0]", "DATASET.SOURCE.SEMI_AXIS": "[3, 5]", "DATASET.SOURCE.COUNT": "[2, 6]",
    "METHOD.GENERATOR.WIDTH": "4", "METHOD.GENERATOR.BLOCKS": "1", "METHOD.DISCRIMINATOR.WIDTH": "4",
    "METHOD.MAP_DISCRIMINATOR.WIDTH": "4", "SOLVER.TOTAL": "2", "SOLVER.BATCH": "2", "SYSTEM.WORKERS": "0",
}  # fmt: skip
"""Set in a training where its configuration has the key."""
VOLUMES = ("runs/brain",)
"""Runs taken as given that are of volumes."""
WRITES = {
    "train": ("--out", "weights.safetensors"), "import": ("--out", "weights.safetensors"),
    "predict": ("--output", "*"),
    "evaluate": ("--out", "metrics.json", "images.csv"), "sample": ("--out", "panel.png"),
    "compare": ("--out", "report.html", "report.csv", "report.md"), "figure": ("--out", "*.png", "*.csv"),
    "estimate": ("--picture", ""), "data join": ("--to", ""),
    "data arrange": ("--to", "images/*.tif", "labels/*.tif"),
}  # fmt: skip
"""What a command leaves in the folder that an option of it names; "" is the file itself."""


def files_of(page):
    """The plugin that a page shows and its configuration, by the names that its commands give them."""
    text = page.read_text()
    for fence, name, word in (
        ("python", r"--plugin (\w+\.py)", "register"),
        ("yaml", r"--cfg (\w+\.yaml)", ""),
    ):
        blocks = [one for one in re.findall(rf"^```{fence}\n(.*?)^```", text, re.M | re.S) if word in one]
        if blocks:
            yield re.search(name, text)[1], blocks[0]


class Shown(NamedTuple):
    """A command of a document: page and section, the whole line, and the words behind `nucleizoo`."""

    page: str
    section: str
    line: str
    words: list


def commands_of(page):
    """All in code blocks; those in the text too, except in records, which shorten them."""
    command = r"\S*\bnucleizoo (?P<block>.+)|.*tools/(?P<tool>\w+)\.py (?P<rest>.+)"
    inline = r"|`nucleizoo (?P<inline>[^`]+ --[^`]+)`" if page.name not in RECORDS else ""
    pattern = re.compile(rf"^ {{4,}}(?:\$ )?(?P<line>{command}){inline}", re.M)
    text = re.sub(r"^```python.*?^```", "", page.read_text(), flags=re.M | re.S)
    text = re.sub(
        r"^ *```\w*\n(.*?)^ *```$", lambda fenced: indent(fenced[1], " " * 4), text, flags=re.M | re.S
    )
    text = re.sub(r" *\\\n +", " ", text)  # continued lines
    for section in re.split(r"^## ", text, flags=re.M):
        for found in pattern.finditer(section):
            one = {name: word or "" for name, word in found.groupdict().items()}
            said = one["block"] or f"{one['tool']} {one['rest']}".strip() or one.get("inline", "")
            said = re.split(r" {2,}|KEY VALUE \.\.\.", said)[0]  # explained behind two spaces
            line = one["line"] or f"nucleizoo {said}"
            yield Shown(page.name, section.splitlines()[0], line, shlex.split(said, comments=True))


SHOWN = [shown for page in PAGES for shown in commands_of(page)]
SECTIONS = {
    f"{page}: {section}": list(of) for (page, section), of in groupby(SHOWN, key=lambda shown: shown[:2])
}


def why_not(shown):
    return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, shown.line)), "")


def test_all_commands_are_found():
    for page in PAGES:
        lines = re.findall(r"^ {4,}nucleizoo ", page.read_text(), re.M)
        assert len([shown for shown in SHOWN if shown.page == page.name]) >= len(lines)
    assert {shown.words[0] for shown in SHOWN} == set(cli.COMMANDS)
    run = {shown.words[0] for shown in SHOWN if not why_not(shown)}
    assert run == set(cli.COMMANDS), "each command is run by one section at least"


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_what_is_not_run_is_shown_somewhere(pattern):
    lines = [shown.line for shown in SHOWN if re.search(pattern, shown.line)]
    assert lines, "no document shows it any more: take it out"
    pytest.skip(f"{NOT_RUN[pattern]}: " + "; ".join(lines))


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown.page}: {shown.line}")
def test_a_command_is_one_that_the_program_takes(shown, monkeypatch):
    """The real parsers read it; nothing is done."""
    for module in cli.COMMANDS.values():
        monkeypatch.setattr(f"nucleizoo.cli.{module}.guarded", lambda work, **settings: 0)
    assert cli.main(shown.words) == 0


@pytest.fixture
def world(annotated, toy_images, tmp_path, monkeypatch):
    """The working folder: data under the names that the documents use."""
    monkeypatch.chdir(tmp_path)
    images, labels = annotated / "images", annotated / "labels"
    for name, there in {
        "configs": ROOT / "configs", "tools": ROOT / "tools", "annotated": annotated, "my_images": images,
        "my_annotations": labels, "label_files": labels, "my_data/target": images,
        "my_data/source": annotated, "volumes": toy_images / "volumes",
        "volume_labels": toy_images / "volume_labels",
    }.items():  # fmt: skip
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).symlink_to(there)
    published_sets.ctc(Path("data/Fluo-N2DL-HeLa"), shape=(48, 64))
    torch.save(published_checkpoints.adgan(), "10000.pth")
    for name, text in (file for page in PAGES for file in files_of(page)):
        Path(name).write_text(text)
    with own_plugin():
        yield small_volumes(toy_images)


def small_volumes(toy_images):
    """`my_volumes`, and one volume as the folder `planes`; gives that."""
    _, volume = toy_picture(0, (12, 32, 32), np.uint8)
    Path("my_volumes").mkdir()
    for file in (toy_images / "volumes").iterdir():
        cubes = {"resolution": (1, 1), "metadata": {"axes": "ZYX", "spacing": 1.0, "unit": "um"}}
        tifffile.imwrite(f"my_volumes/{file.name}", tifffile.imread(file), imagej=True, **cubes)
    Path("planes").mkdir()
    for z, plane in enumerate(volume):
        tifffile.imwrite(f"planes/z{z:02d}.tif", plane)
    return volume


def make_given(option, word):
    """Make the run or the labels that a section takes as given."""
    if Path(word).exists():
        return
    if word.startswith("runs/") and option != "--out":
        volumes = word in VOLUMES
        config = f"configs/toy/{'adgan_3d' if volumes else 'adgan_2d'}.yaml"
        data = ["DATASET.ROOT", "volumes" if volumes else "my_images"]
        data += ["MONITOR.VALIDATE", "0", "MONITOR.SNAPSHOT", "0", "MONITOR.TENSORBOARD", "False"]
        seed = ["SYSTEM.SEED", str(len(list(Path().glob("runs/*"))))]  # so that no two runs are the same
        assert cli.main(in_seconds(["train", "--cfg", config, "--out", word, *data, *seed])) == 0
    elif option == "--pred":
        shutil.copytree("my_annotations", word)


def has(config, key):
    for part in key.split("."):
        if part not in config:
            return False
        config = config[part]
    return True


def in_seconds(words):
    """The same command with the sizes and steps of a toy."""
    words = [STANDS_FOR.get(word, word) for word in words]
    if "--cfg" not in words:
        return words
    if words[0] == "sample":
        words += ["--count", "2", "--size", "48", "48"]
    plugins = [word for option, word in pairwise(words) if option == "--plugin"]
    config = api.load_config(words[words.index("--cfg") + 1], plugins=plugins)
    sizes = {"DATASET.SIZE": "[32, 32]"}
    if len(config.DATASET.SIZE) == 3:
        sizes = dict.fromkeys(("DATASET.SIZE", "INFERENCE.WINDOW"), "[8, 32, 32]")
    small = sizes | {key: value for key, value in SMALL.items() if has(config, key)}
    return [*words, *(word for pair in small.items() for word in pair)]


def promised(words):
    """Patterns of the files that a command has to write."""
    option, *files = WRITES.get(words[0]) or WRITES.get(" ".join(words[:2]), ("",))
    place = words[words.index(option) + 1] if option in words else ""
    return [f"{place}/{file}".removesuffix("/") for file in files if place]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_commands_of_a_section_run_one_after_the_other(section, world):
    todo = [shown for shown in SECTIONS[section] if not why_not(shown)]
    if not todo:
        pytest.skip("; ".join(dict.fromkeys(map(why_not, SECTIONS[section]))))
    for pattern, packages in NEEDS.items():
        for package in packages if any(re.search(pattern, shown.line) for shown in todo) else ():
            pytest.importorskip(package)
    if any("brain.ome.zarr" in shown.line for shown in todo):
        import zarr

        zarr.save_array("brain.ome.zarr", world)
    for shown in todo:
        words = in_seconds(shown.words)
        for option, word in pairwise(words):
            make_given(option, word)
        assert cli.main(words) == 0, shown.line
        missing = [file for file in promised(words) if not list(Path().glob(file))]
        assert not missing, f"{shown.line}: has not written {missing}"
