"""A training that starts from the weights of another, with some of them frozen."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.naming import names
from support.same import assert_same
from support.toy_methods import Duo, batches, trainer
from torch import nn

from nucleizoo import api, build, models
from nucleizoo.cli import main
from nucleizoo.contracts import Group, Update
from nucleizoo.core.errors import ConfigError, RunError
from nucleizoo.runs import Run
from nucleizoo.training import session, start_weights
from nucleizoo.training.distributed.ranks import ALONE
from nucleizoo.training.hooks import Every, Hook
from nucleizoo.training.trainer import Trainer

CFG = Path(__file__).parents[2] / "configs" / "toy" / "supervised_2d.yaml"
SMALL = [
    "METHOD.NETWORK.NAME", "unet_classic", "METHOD.NETWORK.WIDTH", "4", "METHOD.NETWORK.STAGES", "2",
    "SYSTEM.DEVICE", "cpu", "SYSTEM.WORKERS", "0", "SYSTEM.PRECISION", "fp32",
    "MONITOR.TENSORBOARD", "False", "MONITOR.VALIDATE", "0", "MONITOR.SNAPSHOT", "0",
]  # fmt: skip


def config(*more):
    """Of a U-Net with batch normalisation."""
    return api.load_config(CFG, [*SMALL, *map(str, more)])


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The folder of a run of other random numbers."""
    return api.train(config("SYSTEM.SEED", 3), tmp_path_factory.mktemp("other") / "run").path


def prepared(folder, *more):
    """The trainer of a training that starts, before its first step."""
    return session._prepared(Run(folder, config(*more)), ALONE, ())[0]


def test_weights_and_running_statistics_are_those_of_the_other_run_to_the_bit(other, tmp_path, caplog):
    caplog.set_level("INFO")
    weights = load_file(other / "weights.safetensors")
    state = prepared(tmp_path / "run", "SOLVER.FROM", other).method.state_dict()
    assert_same({name: state[name] for name in weights}, weights)
    assert any(name.endswith("running_var") and (value != 1).all() for name, value in weights.items())
    names(caplog.text, f"{len(weights)} of {len(weights)}")


def test_what_does_not_fit_stays_random_and_is_told(other, tmp_path, caplog):
    caplog.set_level("INFO")
    wider = ["METHOD.NETWORK.STAGES", 3, "TARGET.NAME", "bc", "INFERENCE.DECODER.NAME", "bc"]
    made = prepared(tmp_path / "a", "SOLVER.FROM", other, *wider).method.state_dict()
    fresh = prepared(tmp_path / "b", *wider).method.state_dict()
    weights = load_file(other / "weights.safetensors")
    same = {name for name in made if name in weights and weights[name].shape == made[name].shape}
    another = {name for name in weights if name in made} - same
    assert another == {"network.leave.weight", "network.leave.bias"}  # of two maps, not three
    for name, value in made.items():
        assert_same(value, weights[name] if name in same else fresh[name])
    assert f"{len(same)} of {len(made)} tensors taken" in caplog.text
    assert f"of another shape: {len(another)} (" in caplog.text
    assert f"new: {len(made.keys() - weights.keys())} (" in caplog.text and "not in this" not in caplog.text


def test_a_volume_of_equal_planes_looks_to_the_model_of_volumes_as_a_plane_to_that_of_images(other, tmp_path):
    volumes = prepared(
        tmp_path, "SOLVER.FROM", other, "DATASET.SIZE", "[16, 32, 32]", "INFERENCE.WINDOW", "[16, 32, 32]"
    ).method.eval()
    plane = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        expected = Run.open(other).method().eval()(plane)
        made = volumes(plane[:, :, None].expand(-1, -1, 32, -1, -1))
    torch.testing.assert_close(made[:, :, 16], expected, rtol=1e-4, atol=1e-4)  # its ends are padded


def test_weights_that_this_method_lacks_are_told(other, tmp_path, caplog):
    caplog.set_level("INFO")
    prepared(tmp_path, "SOLVER.FROM", other, "METHOD.NETWORK.STAGES", 1)
    assert "not in this method: " in caplog.text and "network.down.1.0.weight" in caplog.text


def test_the_average_begins_with_the_weights_taken(other, tmp_path):
    api.train(config("SOLVER.FROM", other, "SOLVER.TOTAL", 1, "SOLVER.AVERAGE", 0.9), tmp_path / "run")
    state = torch.load(tmp_path / "run" / "checkpoints" / "iteration_00000000.pt", weights_only=True)
    assert_same(state["hooks"]["Average"], load_file(other / "weights.safetensors"))


class StopAt(Hook):
    """Ends the training as Ctrl-C does."""

    def after_step(self, trainer):
        trainer.stop = trainer.iteration == 3


def test_a_resumed_training_goes_on_to_the_bit_and_does_not_read_the_start_again(other, tmp_path):
    source = tmp_path / "source"
    other.rename(source)
    try:
        settings = config("SOLVER.FROM", source, "SOLVER.AVERAGE", 0.9, "SOLVER.FREEZE", "[network.down.0.*]")
        api.train(settings, tmp_path / "whole")
        api.train(settings, tmp_path / "run", hooks=[StopAt()])
    finally:
        source.rename(other)  # `source` is gone
    run = api.train(settings, tmp_path / "run", resume=True)
    assert_same(run.latest(), Run.open(tmp_path / "whole").latest())
    files = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("run", "whole")]
    assert files[0] == files[1]


def test_a_start_that_was_killed_before_its_first_checkpoint_takes_the_weights(other, tmp_path):
    settings = config("SOLVER.FROM", other, "SOLVER.TOTAL", 1)
    Run(tmp_path / "run", settings).create()
    api.train(settings, tmp_path / "run", resume=True)
    api.train(settings, tmp_path / "whole")
    assert_same(*(Run.open(tmp_path / name).latest() for name in ("run", "whole")))


def test_a_model_that_ships_in_half_precision_is_found_by_its_name(other, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["nucleizoo.models.shelf"], "SHELF", tmp_path)
    models.pack(Run.open(other), tmp_path / "toy_2d", about="A toy.", command="none", scores={})
    command = ["train", "--cfg", str(CFG), "--out", str(tmp_path / "run"), "--from", "toy_2d", *SMALL]
    assert main([*command, "SOLVER.TOTAL", "1"]) == 0
    assert Run.open(tmp_path / "run").config.SOLVER.FROM == "toy_2d"
    state = torch.load(tmp_path / "run" / "checkpoints" / "iteration_00000000.pt", weights_only=True)
    for name, value in load_file(other / "weights.safetensors").items():
        rounded = value.half().float() if value.is_floating_point() else value
        assert_same(state["method"][name], rounded)
    assert main([*command[: -len(SMALL) - 1], "toy_2", *SMALL, "--out", str(tmp_path / "new")]) == 2
    names(capsys.readouterr().err, "SOLVER.FROM", "toy_2", "toy_2d")


def test_a_start_that_cannot_be_used_is_refused(other, tmp_path):
    with pytest.raises(ConfigError, match=r"SOLVER\.FROM: 'runs/none' is neither a model nor a run folder"):
        api.train(config("SOLVER.FROM", "runs/none"), tmp_path / "run")
    with pytest.raises(RunError, match="no config"):
        start_weights.load(build.method(config()), config("SOLVER.FROM", tmp_path))
    Run(tmp_path / "new", config()).create()
    with pytest.raises(RunError, match="no weights"):
        start_weights.load(build.method(config()), config("SOLVER.FROM", tmp_path / "new"))
    strange = api.load_config(CFG.with_name("cysgan_2d.yaml"), ["SOLVER.FROM", str(other)])
    with pytest.raises(ConfigError) as caught:
        start_weights.load(build.method(strange), strange)
    names(caught.value, "SOLVER.FROM", "'supervised'", "'cysgan'")
    assert not (tmp_path / "run").exists()


# --- frozen


def test_frozen_parameters_and_statistics_stay_and_all_others_change(other, tmp_path):
    frozen = "[network.down.0.*, network.leave.bias]"
    run = api.train(config("SOLVER.FROM", other, "SOLVER.FREEZE", frozen), tmp_path / "run")
    before, after = (load_file(path / "weights.safetensors") for path in (other, run.path))
    still = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert still == {n for n in before if n.startswith("network.down.0.") or n == "network.leave.bias"}
    assert "network.down.0.1.running_mean" in still and "network.down.0.1.num_batches_tracked" in still


def test_a_frozen_parameter_does_not_decay(other, tmp_path):
    decay = ["SOLVER.OPTIMISER.NAME", "adamw", "SOLVER.OPTIMISER.WEIGHT_DECAY", "0.5"]
    run = api.train(config("SOLVER.FREEZE", '["*.weight"]', "SOLVER.FROM", other, *decay), tmp_path / "run")
    before, after = (load_file(path / "weights.safetensors") for path in (other, run.path))
    assert all(torch.equal(before[n], after[n]) == n.endswith("weight") for n in before if "num_" not in n)


class Normed(Duo):
    """Its step notes in which mode its norms work."""

    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm1d(1) for _ in range(2))
        self.modes = []

    def groups(self):
        return super().groups() | {"norms": Group(tuple(self.norms.parameters()))}

    def train_step(self, batch, clock):
        self.modes.append([norm.training for norm in self.norms])
        made = self.norms[0](self.made * torch.tensor([[1.0], [2.0]])).square().sum()
        yield Update("maker", {"product": self.made.sum() * self.judged.detach().sum()})
        yield Update("norms", {"norms": self.norms[1](made * torch.tensor([[1.0], [2.0]])).sum()})


def test_a_norm_with_frozen_statistics_uses_them_also_after_a_validation():
    method = Normed()
    looks = []
    look = Every(1, lambda trainer: looks.append([norm.training for norm in trainer.method.norms]))
    made = trainer(method, [look], FREEZE=["norms.0.running_*"])
    made.train(batches(2))
    assert method.modes == [[False, True]] * 2 and looks == [[False, False]] * 2
    assert method.norms[0].running_mean.item() == 0 and method.norms[1].running_mean.item() != 0
    assert method.norms[0].weight.requires_grad


def test_a_group_that_is_frozen_gets_no_step_and_its_losses_are_logged():
    made = trainer(Duo(made=2.0, judged=3.0), FREEZE=["judged"], LR=0.5)
    made.train(batches(2))
    assert made.method.judged.item() == 3.0 and made.method.made.item() == 2.0 - 2 * 0.5 * 3.0
    assert set(made.losses) == {"product", "pull"} and set(made.optimisers) == {"maker"}


def test_an_update_of_frozen_parameters_alone_changes_nothing():
    class Partly(Duo):
        def groups(self):
            return {"all": Group((self.made, self.judged))}

        def train_step(self, batch, clock):
            yield Update("all", {"a": self.judged.sum()}, only=[self.judged])
            yield Update("all", {"b": self.made.sum()}, only=[self.made])

    made = trainer(Partly(), FREEZE=["judged"])
    made.train(batches(1))
    assert (made.method.made.item(), made.method.judged.item()) == (1.0, 3.0)


@pytest.mark.parametrize("name", ["adgan_2d", "cysgan_2d", "udct_2d", "cyclegan_2d"])
def test_every_method_trains_with_a_part_of_it_frozen(toy_images, name):
    settings = api.load_config(CFG.with_name(f"{name}.yaml"), ["DATASET.ROOT", str(toy_images / "images")])
    method = build.method(settings)
    some, *_, last = [name for name, _ in method.named_parameters()]
    settings.defrost()
    settings.SOLVER.FREEZE = [some, last.rpartition(".")[0] + ".*"]
    kept = {n: p.clone() for n, p in method.named_parameters()}
    made = Trainer(method, settings)
    made.train(session.Batches.of(settings)[i] for i in range(2))
    frozen = build.frozen(settings, method)
    assert {some, last} <= frozen
    for n, p in method.named_parameters():
        assert n not in frozen or torch.equal(p, kept[n])
    assert not all(torch.equal(p, kept[n]) for n, p in method.named_parameters())


def test_a_pattern_without_a_parameter_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError) as caught:
        api.train(config("SOLVER.FREEZE", "[network.dwon.0.*]"), tmp_path / "run")
    names(caught.value, "SOLVER.FREEZE", "'network.dwon.0.*'")
    assert "nearest is network.down.0." in str(caught.value) and not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match=r"SOLVER\.FREEZE: leaves no parameter"):
        api.train(config("SOLVER.FREEZE", '["*"]'), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"SOLVER\.FREEZE must be names"):
        config("SOLVER.FREEZE", "[3]")
