"""Checkpoints of published programs become runs like any other, and what does not fit is refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from support import published_checkpoints

from nucleizoo import api, build
from nucleizoo.cli import main
from nucleizoo.core.errors import ConfigError, RunError, UserError
from nucleizoo.runs import Run
from nucleizoo.training import start_weights

CONFIGS = Path(__file__).parents[2] / "configs"
WIDTHS = {
    "adgan": ["METHOD.GENERATOR.WIDTH", "4", "METHOD.DISCRIMINATOR.WIDTH", "4"],
    "cysgan": [
        "METHOD.GENERATOR.WIDTH", "16", "METHOD.DISCRIMINATOR.WIDTH", "4",
        "METHOD.MAP_DISCRIMINATOR.WIDTH", "4",
    ],
}  # fmt: skip
"""Those of the checkpoints."""


@pytest.fixture
def file(tmp_path):
    torch.save(published_checkpoints.adgan(), tmp_path / "10000.pth")
    return tmp_path / "10000.pth"


def content(folder):
    return sorted(file.name for file in folder.iterdir())


def changed(file, change):
    """The same checkpoint after a change."""
    state = torch.load(file, weights_only=True)
    change(state)
    torch.save(state, file)
    return file


def test_an_imported_run_predicts_and_starts_trainings(file, tmp_path):
    run = tmp_path / "run"
    assert main(["import", "adgan", str(file), "--out", str(run)]) == 0
    told = json.loads((run / "run.json").read_text())["imported"]
    assert told == {
        "program": "Kaiseem/AD-GAN at d692d16", "importer": "adgan", "file": "10000.pth",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }  # fmt: skip
    image = np.random.default_rng(0).integers(0, 256, (40, 52), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image)
    words = ["--run", run, "--input", tmp_path / "a.tif", "--output", tmp_path / "out", "--to", "maps"]
    assert main(["predict", *map(str, words)]) == 0
    with torch.no_grad():
        seen = torch.from_numpy(image[None, None].astype(np.float32) / 255) * 2 - 1
        wanted = Run.open_finished(run).method()(seen)[0, 0].numpy()
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out" / "a_maps.tif"), wanted, atol=1e-4)
    config = api.load_config(CONFIGS / "adgan_hela_code.yaml", [*WIDTHS["adgan"], "SOLVER.FROM", str(run)])
    begun = build.method(config)
    start_weights.load(begun, config)
    for one, other in zip(begun.parameters(), Run.open(run).method().parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("importer", "preset"), [("adgan", "adgan_hela_code"), ("cysgan", "cysgan_nucexm_legacy")]
)
def test_the_configuration_is_that_of_the_published_code(importer, preset, tmp_path):
    torch.save(getattr(published_checkpoints, importer)(), tmp_path / "file")
    run = api.import_checkpoint(importer, tmp_path / "file", tmp_path / "run")
    wanted = api.load_config(CONFIGS / f"{preset}.yaml", WIDTHS[importer])
    for section in ("SYSTEM", "TARGET", "METHOD", "SOLVER", "INFERENCE", "MONITOR"):
        assert run.config[section] == wanted[section]
    assert run.config.DATASET.SIZE == wanted.DATASET.SIZE
    assert run.config.DATASET.AUGMENT == wanted.DATASET.AUGMENT


def test_what_does_not_fit_is_refused_by_name(file, tmp_path):
    def refusal(importer, checkpoint, *pairs):
        with pytest.raises(RunError) as told:
            api.import_checkpoint(importer, checkpoint, tmp_path / "run", overrides=pairs)
        assert not (tmp_path / "run").exists()
        return str(told.value)

    assert "missing" in refusal("cysgan", file) and "Gf.state_dict.conv_in.0" in refusal("cysgan", file)
    told = refusal("adgan", file, "METHOD.GENERATOR.WIDTH", "8")
    assert "generator.encoder.stages.0.layer.weight (4, 1, 7, 7), not (8, 1, 7, 7)" in told
    told = refusal("adgan", changed(file, lambda state: state["dec"].pop("main.11.bias")))
    assert "generator.decoder.tail.bias is missing" in told
    told = refusal("adgan", changed(file, lambda state: state["enc"].update({"head.weight": torch.ones(1)})))
    assert "left over: 1 (enc.head.weight)" in told and "missing" not in told
    with pytest.raises(ConfigError, match=r"no importer is called 'adgen'.*'adgan'"):
        api.import_checkpoint("adgen", file, tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 nor this"], ids=str)
def test_what_is_no_checkpoint_is_refused(content, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(RunError, match=r"a\.pth cannot be read as tensors"):
        api.import_checkpoint("adgan", tmp_path / "a.pth", tmp_path / "run")


class Harm:
    """Pickled as a call of `open`, which would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"enc": Harm(tmp_path / "harm")}, tmp_path / "a.pth")
    with pytest.raises(RunError, match="tensors and plain values"):
        api.import_checkpoint("adgan", tmp_path / "a.pth", tmp_path / "run")
    assert content(tmp_path) == ["a.pth"]


def test_an_imported_run_is_neither_resumed_nor_replaced(file, toy_images, tmp_path, monkeypatch):
    run = api.import_checkpoint("adgan", file, tmp_path / "run").path
    before = content(run)
    assert before == ["config.yaml", "run.json", "weights.safetensors"]
    config = Run.open(run).config
    monkeypatch.chdir(toy_images / "images")
    for resume, told in ((True, "cannot be resumed"), (False, "exists already")):
        with pytest.raises(RunError, match=told):
            api.train(config, run, resume=resume)
    with pytest.raises(UserError, match="exists already"):
        api.import_checkpoint("adgan", file, run)
    assert content(run) == before
