"""Every configuration that is shipped loads, and builds what it describes."""

from functools import cache
from pathlib import Path

import pytest

from nucleizoo import Clock, api, build
from nucleizoo.contracts import Program
from nucleizoo.core.config import dump, loads
from nucleizoo.defaults import DEFAULTS
from nucleizoo.figures.ablation import Ablation

ROOT = Path(__file__).parents[1] / "configs"
PARTS = ("data", "presets")
"""Folders of files that others are based on; they name no method or no data."""

ALL = sorted(ROOT.rglob("*.yaml"))
TABLES = [file for file in ALL if file.parent.name == "ablations"]
"""What nucleizoo figure ablation reads."""
WHOLE = [file for file in ALL if file.parent.name not in (*PARTS, "ablations", "grids")]


loaded = cache(api.load_config)


def bases(file):
    """The files that a file names under _BASE_, and theirs."""
    import yaml

    named = yaml.safe_load(file.read_text()).get("_BASE_", [])
    for base in [named] if isinstance(named, str) else named:
        path = (file.parent / base).resolve()
        yield path
        yield from bases(path)


@pytest.mark.parametrize("file", WHOLE, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_config_loads_and_survives_the_run_folder(file):
    config = loaded(file)
    assert loads(dump(config), defaults=DEFAULTS) == config


@pytest.fixture(scope="module")
def stepped():
    """What a step of shapes depends on, of the configurations that have taken one: many share it."""
    return set()


@pytest.mark.parametrize("file", WHOLE, ids=lambda f: str(f.relative_to(ROOT)))
def test_target_decoder_method_and_crops_of_a_config_fit_together(file, stepped):
    import torch

    config = loaded(file)
    method = build.Experiment.check(config).method
    channels = {"image": config.DATASET.CHANNELS, "source": method.task.source_channels}
    channels |= {"maps": len(method.task.target.channels)}
    wanted = str((config.METHOD, config.TARGET, config.DATASET.SIZE, sorted(channels.items())))
    if wanted in stepped or isinstance(method, Program):  # a program takes no step of shapes
        return
    stepped.add(wanted)
    with torch.device("meta"):
        batch = {name: torch.empty(2, count, *config.DATASET.SIZE) for name, count in channels.items()}
    cleaned = {f"{name}_clean": batch[name] for name in ("image", "source")}
    assert bool(list(method.train_step(batch | cleaned, Clock(0, 10)))) == bool(
        method.groups()
    )  # a step of shapes


@pytest.mark.parametrize("file", WHOLE, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_config_begins_with_a_comment_and_names_no_folder_of_a_machine(file):
    text = file.read_text()
    assert text.startswith("# ")
    assert loaded(file).DATASET.ROOT == "."


SECOND = [file for file in WHOLE if "NAME: translated" in file.read_text()]
"""Second stages of pipelines."""


@pytest.mark.parametrize("file", SECOND, ids=lambda f: str(f.relative_to(ROOT)))
def test_one_command_trains_both_stages_of_a_pipeline(file):
    """`train --cfg FIRST SECOND` trains FIRST into runs/FIRST, which SECOND names and can use."""
    data = loaded(file).DATASET
    first = ROOT / f"{Path(data.SOURCE.RUN).name}.yaml"
    assert data.SOURCE.RUN == f"runs/{first.stem}"
    assert f"train --cfg configs/{first.name} configs/{file.name}" in file.read_text()
    theirs = loaded(first).DATASET
    dims = len(theirs.SIZE)
    assert dims <= len(data.SIZE) and theirs.CHANNELS == data.CHANNELS
    assert theirs.SPACING == data.SPACING[-dims:]
    assert len(data.SOURCE.PATCH or theirs.SIZE) == len(data.SIZE)


def test_every_part_is_used():
    used = {base for file in WHOLE for base in bases(file)}
    parts = {file.resolve() for file in ALL if file.parent.name in PARTS}
    assert parts <= used


@pytest.mark.parametrize("file", TABLES, ids=lambda f: f.stem)
def test_rows_of_an_ablation_change_the_papers_configuration_and_the_toy(file):
    table = Ablation.named(file.stem)
    assert table.published
    assert all(set(rows) == set(table.rows) for rows in table.published.values())
    for base in (table.base, ROOT / "toy" / f"{file.stem}_2d.yaml"):
        dumps = {dump(api.load_config(base, changes)) for changes in table.rows.values()}
        assert len(dumps) == len(table.rows)
    assert file.read_text().startswith("# ")
