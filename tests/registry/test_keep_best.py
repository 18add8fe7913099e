"""The weights for prediction are those with the best score, the start included."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.naming import names
from support.same import assert_same
from support.toy_methods import Duo, batches, settings, trainer

from nucleizoo import api
from nucleizoo.contracts import Update
from nucleizoo.core.errors import ConfigError
from nucleizoo.kinds import HOOKS
from nucleizoo.runs import Run
from nucleizoo.training.hooks import Average, Hook, Save

TOY = Path(__file__).parents[2] / "configs" / "toy"
SCORE = "truth/object_f1"


class Ramp(Duo):
    """After step i the weight `made` is exactly i."""

    def __init__(self):
        super().__init__(made=0.0)

    def train_step(self, batch, clock):
        yield Update("maker", {"down": -self.made.sum()})


class Scored(Hook):
    """Gives a score per iteration, the last one only at the end of the training."""

    def __init__(self, values):
        self.values = values

    def gives(self, trainer):
        return [SCORE]

    def _give(self, trainer):
        trainer.scored("truth", {"object_f1": self.values[trainer.iteration]})

    def before_training(self, trainer):
        self._give(trainer)

    def after_step(self, trainer):
        if trainer.iteration < len(self.values) - 1:
            self._give(trainer)

    def after_training(self, trainer):
        self._give(trainer)


def trained(folder, values, *first, every=1, remembered=None):
    """The run of a toy training with these scores."""
    run, steps = Run(folder / "run", settings()).create(), len(values) - 1
    hooks = [*first, Scored(values), HOOKS.get("keep_best")(run), Save(run, every, remembered)]
    trainer(Ramp(), hooks, TOTAL=steps).train(batches(steps))
    return run


def made(run):
    return load_file(run.path / "weights.safetensors")["made"].item()


@pytest.mark.parametrize(("values", "best"), [
    ([0.3, 0.5, 0.4], 1), ([0.3, 0.2, 0.1], 0), ([0.3, 0.3, 0.3], 0), ([0.3, 0.2, 0.4], 2),
    ([0.0, 0.0, 0.0], 0), ([0.3, 0.5, 0.5, 0.6, 0.2], 3),
])  # fmt: skip
@pytest.mark.parametrize("every", [1, 2, 9])
def test_the_weights_of_the_first_best_score_predict_and_the_last_ones_go_on(tmp_path, values, best, every):
    run = trained(tmp_path, values, every=every)
    assert made(run) == best
    assert run.latest()["method"]["made"].item() == len(values) - 1


def test_while_training_the_best_weights_so_far_predict(tmp_path):
    seen = []

    class Watch(Hook):
        def after_step(self, trainer):  # before this step is saved
            seen.append(made(Run(tmp_path / "run", settings())))

    trained(tmp_path, [0.3, 0.5, 0.4, 0.2, 0.6], Watch())
    assert seen == [0.0, 1.0, 1.0, 1.0]


def test_the_best_of_averaged_weights_are_averaged(tmp_path):
    average = Average(0.9)
    run = trained(tmp_path, [0.3, 0.5, 0.4], average)
    assert made(run) == pytest.approx(1 - 2 / 11) and average.mean["made"].item() != made(run)


def test_statistics_of_norms_are_those_of_the_weights_that_are_kept(tmp_path):
    seen = []
    trained(tmp_path, [0.3, 0.5, 0.4, 0.2], remembered=lambda t, i: seen.append((i, t.method.made.item())))
    assert seen == [(0, 0.0), (1, 1.0), (1, 1.0), (1, 1.0), (1, 1.0)]


def words(toy_images, *more):
    return [
        "SYSTEM.DEVICE", "cpu", "SYSTEM.WORKERS", "0", "MONITOR.TENSORBOARD", "False",
        "SOLVER.AVERAGE", "0.5",
        "DATASET.IMAGE", "{NAME: images, PATH: images}", "DATASET.ROOT", str(toy_images),
        "MONITOR.PICTURES", "images", "MONITOR.TRUTH", "labels", "MONITOR.VALIDATE", "2", "SOLVER.LR", "0.01",
        *(more or ("MONITOR.HOOKS.KEEP_BEST.SCORE", "truth/dice")),
    ]  # fmt: skip


class StopAt(Hook):
    """Ends the training as Ctrl-C does."""

    def __init__(self, iteration):
        self.iteration = iteration

    def after_step(self, trainer):
        trainer.stop = trainer.iteration == self.iteration


def test_a_resumed_training_keeps_the_same_weights_to_the_bit(toy_images, tmp_path):
    config = api.load_config(TOY / "adgan_2d.yaml", [*words(toy_images), "SOLVER.TOTAL", "3"])
    whole = api.train(config, tmp_path / "whole")
    scored = whole.latest()["hooks"]["KeepBest"]["scores"]
    assert list(scored) == [0, 2, 3] and len(set(scored.values())) > 1
    for iteration in (1, 2):
        path = tmp_path / f"run{iteration}"
        api.train(config, path, hooks=[StopAt(iteration)])
        run = api.train(config, path, resume=True)
        assert_same(run.latest(), whole.latest())
        files = [(one.path / "weights.safetensors").read_bytes() for one in (run, whole)]
        assert files[0] == files[1]


def test_the_kept_weights_have_the_score_that_was_logged(toy_images, tmp_path):
    config = api.load_config(TOY / "adgan_2d.yaml", words(toy_images))
    run = api.train(config, tmp_path / "run")
    state = run.latest()["hooks"]["KeepBest"]
    assert len(set(state["scores"].values())) > 1 and state["best"] < 6
    assert state["scores"][state["best"]] == max(state["scores"].values())
    saved = load_file(run.path / "weights.safetensors")
    assert_same(state["weights"], {name: saved[name] for name in state["weights"]})
    list(api.predict(run.path, [toy_images / "images"], tmp_path / "out"))
    scores = api.evaluate(tmp_path / "out", toy_images / "labels")
    assert scores["pixels"]["dice"] == pytest.approx(state["scores"][state["best"]])


def test_a_score_that_will_not_come_is_refused(toy_images, tmp_path):
    pairs = words(toy_images, "MONITOR.HOOKS.KEEP_BEST.SCORE", "truth/dise")
    with pytest.raises(ConfigError) as caught:
        api.train(api.load_config(TOY / "supervised_2d.yaml", pairs), tmp_path / "run")
    names(caught.value, "MONITOR.HOOKS.KEEP_BEST.SCORE", "'truth/dise'", "truth/dice")


def test_weights_of_a_checkpoint_return_to_the_device_of_the_training():
    hook = HOOKS.get("keep_best")(None)
    hook.load_state_dict({"scores": {0: 0.5, 4: 0.7}, "best": 4, "weights": {"made": torch.ones(1)}})
    begun = trainer(Ramp(), [Scored([0.0] * 9), hook])
    begun.iteration = 4
    begun.train([])
    assert begun.chosen.iteration == 4 and begun.chosen.weights["made"].device == begun.device
