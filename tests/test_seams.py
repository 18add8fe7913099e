"""A baseline from outside touches no machinery: each seam is used by a plugin of one file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.naming import names

from nucleizoo import api
from nucleizoo.checks.networks import called, roles_of
from nucleizoo.core.errors import ConfigError
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.kinds import GENERATORS
from nucleizoo.runs import Run
from nucleizoo.training.solver import Solver

TOY = Path(__file__).parents[1] / "configs" / "toy"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes a plugin; the registries forget it after the test."""
    from nucleizoo.kinds import KINDS

    for registry in KINDS.values():
        for name in ("_entries", "_places"):
            monkeypatch.setattr(registry, name, dict(getattr(registry, name)))

    def write(code):
        path = tmp_path / "plugin.py"
        path.write_text(code)
        return [str(path)]

    return write


@pytest.fixture
def load(toy_images):
    """Gives a toy configuration that trains in a second."""
    quick = [
        "DATASET.ROOT", str(toy_images / "images"), "SYSTEM.WORKERS", "0", "SYSTEM.DEVICE", "cpu",
        "SYSTEM.PRECISION", "fp32", "MONITOR.TENSORBOARD", "False", "MONITOR.SNAPSHOT", "0",
    ]  # fmt: skip
    return lambda name, plugins, *pairs: api.load_config(TOY / f"{name}.yaml", [*quick, *pairs], plugins)


def test_an_optimiser_takes_its_own_keys_and_moves_weights_by_its_rule(plugin, load, tmp_path):
    code = '''
"""Plain gradient descent."""
import torch
from nucleizoo import OPTIMISERS

@OPTIMISERS.register("plain_sgd")
class PlainSGD:
    """Steps along the gradient, with momentum."""
    def __init__(self, *, momentum: float = 0.0):
        self.momentum = momentum
    def __call__(self, parameters, lr):
        return torch.optim.SGD(parameters, lr, momentum=self.momentum)
'''
    config = load("supervised_2d", plugin(code), "SOLVER.OPTIMISER", "{NAME: plain_sgd, MOMENTUM: 0.25}")
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    (step,) = (Solver(config, {"all": group_of(weight)}).optimisers["all"],)
    for _ in range(2):  # gradient 1 at a rate of 0.0002: the second step has a quarter of the first in it
        weight.grad = torch.ones(1)
        step.step()
    assert 2 - weight.item() == pytest.approx(config.SOLVER.LR * (1 + 1.25), rel=1e-3)
    assert api.train(config, tmp_path / "run").is_finished


def group_of(*parameters):
    from nucleizoo import Group

    return Group(parameters)


def test_a_schedule_halves_the_rate(plugin, load):
    code = '''
"""Halves the rate every so often, as MUNIT does."""
from nucleizoo import SCHEDULES

@SCHEDULES.register("halving")
class Halving:
    """Half the rate after every `every` iterations."""
    def __init__(self, *, every: int = 100000):
        self.every = every
    def __call__(self, clock):
        return 0.5 ** (clock.iteration // self.every)
'''
    config = load("supervised_2d", plugin(code), "SOLVER.SCHEDULE", "{NAME: halving, EVERY: 2}")
    solver = Solver(config, {"all": group_of(torch.nn.Parameter(torch.zeros(1)))})
    rates = []
    for iteration in range(5):
        solver.set_rates(clock(iteration, 5))
        rates.append(solver.optimisers["all"].param_groups[0]["lr"] / config.SOLVER.LR)
    assert rates == pytest.approx([1, 1, 0.5, 0.5, 0.25])


def clock(iteration, total):
    from nucleizoo import Clock

    return Clock(iteration, total)


def test_a_blending_keeps_the_middle_of_windows(plugin, load):
    code = '''
"""DeepSynth keeps the middle of every window."""
import torch
from nucleizoo import BLENDINGS, Blending

def middle(length):
    ramp = torch.zeros(length)
    ramp[length // 4 : length - length // 4] = 1
    return ramp

@BLENDINGS.register("middle_half")
class Middle(Blending):
    """The middle half of a window counts, its rim only where there is nothing else."""
    def terms(self):
        return ((1.0, middle), (1e-6, torch.ones))
'''
    pairs = ["INFERENCE.BLENDING.NAME", "middle_half", "INFERENCE.WINDOW", "[16, 16]", "SOLVER.TOTAL", "1"]
    config = load("supervised_2d", plugin(code), *pairs)
    from nucleizoo import build

    segmenter = Segmenter(build.method(config), config, torch.float32)

    def where(tile):  # what a window gives: 1 in its middle, -1 in its rim
        made = -torch.ones_like(tile)
        made[..., 4:-4, 4:-4] = 1
        return made

    made = segmenter._apply(where, np.zeros((1, 32, 32), np.float32))
    np.testing.assert_allclose(made[0, 4:-4, 4:-4], 1, atol=1e-4)  # each voxel is in the middle of a window
    np.testing.assert_allclose(made[0, :4], -1, atol=1e-6)  # but those at the border


def test_hooks_of_a_configuration_and_of_a_caller_see_the_steps_and_can_stop(plugin, load, tmp_path):
    code = '''
"""Notes losses, and stops."""
import json
from nucleizoo import HOOKS, Hook

@HOOKS.register("notes")
class Notes(Hook):
    """Writes the losses of every step to a file of the run folder, and stops after some."""
    def __init__(self, run, *, stop_after: int = 100):
        self.file, self.stop_after, self.seen = run.path / "notes.json", stop_after, []
    def after_step(self, trainer):
        self.seen.append({name: float(loss) for name, loss in trainer.losses.items()})
        trainer.stop = trainer.iteration == self.stop_after
    def after_training(self, trainer):
        self.file.write_text(json.dumps(self.seen))
    def state_dict(self):
        return {"seen": self.seen}
    def load_state_dict(self, state):
        self.seen = list(state.get("seen", []))
'''
    from nucleizoo import Hook

    class Counted(Hook):
        steps = 0

        def after_step(self, trainer):
            self.steps += 1

    config = load("adgan_2d", plugin(code), "MONITOR.HOOKS.NOTES.STOP_AFTER", "2", "SOLVER.TOTAL", "4")
    counted = Counted()
    run = api.train(config, tmp_path / "run", hooks=[counted])
    assert not run.is_finished and counted.steps == 2
    config = load("adgan_2d", config.SYSTEM.PLUGINS, "MONITOR.HOOKS.NOTES", "{}", "SOLVER.TOTAL", "4")
    assert api.train(config, run.path, resume=True).is_finished
    notes = json.loads((run.path / "notes.json").read_text())
    assert len(notes) == 4 and set(notes[0]) >= {"reconstruction", "cycle"}
    with pytest.raises(ConfigError, match=r"MONITOR\.HOOKS\.NOTE: .*'note'.*'notes'"):
        load("adgan_2d", config.SYSTEM.PLUGINS, "MONITOR.HOOKS.NOTE", "{}")
    with pytest.raises(ConfigError, match=r"MONITOR\.HOOKS\.NOTES\.STOP .*STOP_AFTER"):
        load("adgan_2d", config.SYSTEM.PLUGINS, "MONITOR.HOOKS.NOTES.STOP", "1")


PENALTY = '''
"""R1: the critic pays for its gradient at real pictures."""
import torch
from nucleizoo import GAN_LOSSES

@GAN_LOSSES.register("lsgan_r1")
class LSGANR1(GAN_LOSSES.get("lsgan")):
    """Least squares, and the squared gradient of the critic at real pictures [1].

    [1] Mescheder et al., Which training methods for GANs do actually converge?, 2018.
    """
    def __init__(self, *, gamma: float = 10.0, **settings):
        super().__init__(**settings)
        self.gamma = gamma
    def penalty(self, critic, real, made):
        at = real.detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
        return self.gamma / 2 * slope.square().flatten(1).sum(1).mean()
'''


@pytest.mark.parametrize(("name", "key"), [
    ("adgan_2d", "GAN"), ("adgan_3d", "GAN"), ("cyclegan_2d", "GAN"), ("udct_2d", "GAN"),
    ("udct_2d", "HISTOGRAM_GAN"), ("cysgan_2d", "GAN"), ("cysgan_2d", "MAP_GAN"), ("munit_2d", "GAN"),
])  # fmt: skip
def test_every_critic_of_every_method_can_have_a_gradient_penalty(name, key, plugin, load, toy_images):
    from nucleizoo import Clock, build

    losses = {}
    for gamma in ("0.0", "10.0"):
        config = load(name, plugin(PENALTY), f"METHOD.{key}", f"{{NAME: lsgan_r1, GAMMA: {gamma}}}")
        torch.manual_seed(0)
        method, generator = build.method(config), torch.Generator().manual_seed(1)
        channels = {
            "image": 1,
            "source": method.task.source_channels,
            "maps": len(method.task.target.channels),
        }
        shapes = {key: (2, count, *config.DATASET.SIZE) for key, count in channels.items()}
        batch = {key: torch.rand(shape, generator=generator) for key, shape in shapes.items()}
        batch |= {f"{key}_clean": batch[key] for key in ("image", "source")}
        groups, paid = method.groups(), {}
        for update in method.train_step({k: batch[k] for k in method.needs}, Clock(0, 10)):
            total = torch.stack(list(update.losses.values())).sum()
            wanted = list(groups[update.group].parameters if update.only is None else update.only)
            total.backward(inputs=wanted, retain_graph=update.keep_graph)
            if "generator" not in update.group:
                paid |= {key: value.item() for key, value in update.losses.items()}
        losses[gamma] = paid
        critics = [p for key, group in groups.items() if "generator" not in key for p in group.parameters]
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in critics)
    more = [key for key in losses["0.0"] if losses["10.0"][key] > losses["0.0"][key]]
    assert more and all(losses["10.0"][key] >= losses["0.0"][key] for key in losses["0.0"])


def test_norms_of_a_plugin_that_do_not_ask_for_statistics_are_warned_of(plugin, load, tmp_path, caplog):
    code = '''
"""A network with the norm of torch."""
from torch import nn
from nucleizoo import GENERATORS

@GENERATORS.register("plain_norm")
class PlainNorm(nn.Sequential):
    """One convolution and one norm."""
    serves = ("translator",)
    def __init__(self, in_channels, out_channels, dims, *, width: int = 4):
        super().__init__(nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.InstanceNorm2d(out_channels))
'''
    pairs = ["METHOD.GENERATOR.NAME", "plain_norm", "SOLVER.TOTAL", "1"]
    api.train(load("cyclegan_2d", plugin(code), *pairs), tmp_path / "run")
    assert "translators.image.1" in caplog.text and "nucleizoo.ops.nn.norms" in caplog.text


MUNIT = '''
"""The shape of MUNIT: content and style apart, the critic first, styles drawn at random."""
import torch
from torch import nn
from nucleizoo import DISCRIMINATORS, GAN_LOSSES, GENERATORS, LOSSES, METHODS, Group, Method, Update

@GENERATORS.register("content_style")
class ContentStyle(nn.Module):
    """Encodes content (a map) and style (a vector), and decodes both."""
    serves = ("style coder",)
    def __init__(self, in_channels, out_channels, dims, *, width: int = 4):
        super().__init__()
        conv, self.style_channels = {2: nn.Conv2d, 3: nn.Conv3d}[dims], width
        self.to_content, self.to_style = conv(in_channels, width, 3, padding=1), conv(in_channels, width, 3)
        self.body, self.tail = nn.Linear(width, width), conv(width, out_channels, 3, padding=1)
    def encode(self, picture):
        return self.to_content(picture), self.to_style(picture).flatten(2).mean(2)
    def decode(self, content, style):
        gain = self.body(style)[(..., *(None,) * (content.ndim - 2))]
        return torch.tanh(self.tail(content * gain))

@METHODS.register("munit_shape")
class MunitShape(Method):
    """Translates by content of one domain and a random style of the other."""
    needs = frozenset({"image", "source"})
    roles = {"generator": "style coder"}
    def __init__(self, task, *, generator=GENERATORS.recipe("content_style"),
                 discriminator=DISCRIMINATORS.recipe("patchgan", width=4, blocks=1),
                 gan=GAN_LOSSES.recipe("lsgan"), same=LOSSES.recipe("l1", weight=10.0)):
        super().__init__(task)
        self.nets = nn.ModuleDict({d: generator(1, 1, task.dims) for d in ("image", "source")})
        self.critics = nn.ModuleDict({d: discriminator(1, task.dims) for d in ("image", "source")})
        self.gan, self.same = gan(), same()
    def groups(self):
        nets, critics = (tuple(one.parameters()) for one in (self.nets, self.critics))
        return {"critics": Group(critics), "networks": Group(nets)}
    def travel(self, batch):
        codes = {d: self.nets[d].encode(batch[d]) for d in self.nets}
        other = {"image": "source", "source": "image"}
        drawn = {d: torch.randn_like(codes[d][1]) for d in self.nets}
        return codes, {d: self.nets[d].decode(codes[other[d]][0], drawn[d]) for d in self.nets}
    def train_step(self, batch, clock):
        _, fake = self.travel(batch)
        yield Update("critics", {f"critic_{d}": self.gan(self.critics[d](batch[d]), True)
            + self.gan(self.critics[d](fake[d].detach()), False) for d in self.nets})
        codes, fake = self.travel(batch)  # fresh styles, and critics that have moved
        losses = {f"same_{d}": self.same(self.nets[d].decode(*codes[d]), batch[d]) for d in self.nets}
        losses |= {f"adversarial_{d}": self.gan(self.critics[d](fake[d]), True) for d in self.nets}
        yield Update("networks", losses)
    def to_source(self, image):
        content, _ = self.nets["image"].encode(image)
        return self.nets["source"].decode(content, self.no_style(image))
    def to_image(self, source):
        content, _ = self.nets["source"].encode(source)
        return self.nets["image"].decode(content, self.no_style(source))
    def no_style(self, picture):
        return torch.zeros(len(picture), self.nets["image"].style_channels)
    def encode(self, picture, domain):
        return self.nets[domain].encode(picture)[0]
    def forward(self, image):
        return self.task.target.from_image(self.to_source(image))
'''


def test_a_method_of_munits_shape_trains_segments_translates_and_encodes(plugin, load, toy_images, tmp_path):
    plugins = plugin(MUNIT)
    config = load("cyclegan_2d", plugins, "METHOD", "{NAME: munit_shape}", "SOLVER.TOTAL", "2")
    run = api.train(config, tmp_path / "run")
    assert run.is_finished
    images = [toy_images / "images" / "cell0.png"]
    for to in ("labels", "source"):
        (done,) = api.predict(run.path, images, tmp_path / to, to=to, plugins=plugins)
        assert done.result.is_file()
    # the tests of all networks drive it as they find it, in the table of roles
    assert roles_of(GENERATORS, "content_style") == ["style coder"]
    for dims, size in ((2, (32, 32)), (3, (8, 16, 16))):
        network, picture = GENERATORS.recipe("content_style")(2, 3, dims), torch.rand(2, 2, *size)
        assert called(network, "style coder", picture).shape == (2, 3, *size)
    with pytest.raises(ConfigError, match=r"METHOD\.GENERATOR\.NAME: 'unet' .*style coder .*'content_style'"):
        load("cyclegan_2d", plugins, "METHOD", "{NAME: munit_shape, GENERATOR: {NAME: unet}}")
    with pytest.raises(ConfigError, match=r"'content_style' .*style coder.*translator"):
        load("cyclegan_2d", plugins, "METHOD.GENERATOR", "{NAME: content_style}")


HEIR = """
'''A slot of the parent, in which another network is needed.'''
from nucleizoo import METHODS

@METHODS.register("mapping")
class Mapping(METHODS.get("supervised")):
    '''Inherits all keys.'''
    roles = {"network": "domain coder"}
"""


def test_a_method_may_ask_for_another_role_in_a_slot_that_it_inherits(plugin, load):
    plugins = plugin(HEIR)
    with pytest.raises(ConfigError, match=r"METHOD\.NETWORK\.NAME: 'unet' .*domain coder .*'adain'"):
        load("supervised_2d", plugins, "METHOD.NAME", "mapping")
    load("supervised_2d", plugins, "METHOD", "{NAME: mapping, NETWORK: {NAME: adain}}")
    load("supervised_2d", plugins)  # the parent's own slot is as it was


@pytest.mark.parametrize(("words", "wanted"), [
    (("METHOD.GENERATOR.NAME", "resnet"), "'resnet' .*domain coder .*'adain'"),
    (("METHOD.DISCRIMINATOR.NAME", "patchgan"), "'patchgan' .*domain critic .*'domain'"),
    (("METHOD.DISCRIMINATOR.NAME", "histogram"), "'histogram' .*distribution critic.*'domain'"),
])  # fmt: skip
def test_what_a_network_is_for_is_checked_when_the_configuration_is_read(words, wanted, load):
    with pytest.raises(ConfigError, match=wanted):
        load("adgan_2d", [], *words)


def test_early_stop_ends_when_a_score_no_longer_rises(load, toy_images, tmp_path):
    pairs = [
        "SOLVER.TOTAL", "9", "MONITOR.VALIDATE", "1", "MONITOR.SAVE", "9", "SOLVER.LR", "1e-12",
        "MONITOR.HOOKS.EARLY_STOP", "{PATIENCE: 2, SCORE: truth/dice}",
        "MONITOR.PICTURES", str(toy_images / "images"), "MONITOR.TRUTH", str(toy_images / "labels"),
    ]  # fmt: skip
    # nothing is learnt: the score rises once, from nothing
    run = api.train(load("adgan_2d", [], *pairs), tmp_path / "run")
    assert not run.is_finished
    rows = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert max(row["iteration"] for row in rows if "truth" in row) == 3


@pytest.fixture
def awaiting(load, toy_images):
    """Gives a configuration that waits for a score, with further pairs."""
    known = [
        "SOLVER.TOTAL", "2", "MONITOR.VALIDATE", "2", "MONITOR.HOOKS.EARLY_STOP.PATIENCE", "5",
        "MONITOR.PICTURES", str(toy_images / "images"), "MONITOR.TRUTH", str(toy_images / "labels"),
    ]  # fmt: skip
    return lambda *pairs: load("adgan_2d", [], *known, *pairs)


@pytest.mark.parametrize(("pairs", "told"), [
    (["MONITOR.HOOKS.EARLY_STOP.SCORE", "truth/dise"], ["'truth/dise'", "truth/dice", "unlabelled/sizes"]),
    (["MONITOR.TRUTH", ""], ["'truth/object_f1'", "MONITOR.TRUTH", "unlabelled/agreement"]),
    (["MONITOR.VALIDATE", "0"], ["'truth/object_f1'", "MONITOR.VALIDATE"]),
    (["MONITOR.VALIDATE", "0", "MONITOR.TRUTH", ""], ["MONITOR.VALIDATE", "MONITOR.TRUTH"]),
])  # fmt: skip
def test_early_stop_of_a_score_that_will_not_come_is_refused_before_the_first_step(
    pairs, told, awaiting, tmp_path
):
    with pytest.raises(ConfigError) as caught:
        api.train(awaiting(*pairs), tmp_path / "run")
    names(caught.value, "MONITOR.HOOKS.EARLY_STOP.SCORE", *told)
    assert Run.open(tmp_path / "run").iteration == 0


def test_what_was_refused_before_the_first_step_is_trained_when_it_is_mended(awaiting, tmp_path):
    with pytest.raises(ConfigError, match="dise"):
        api.train(awaiting("MONITOR.HOOKS.EARLY_STOP.SCORE", "truth/dise"), tmp_path / "run")
    assert api.train(awaiting(), tmp_path / "run").is_finished


@pytest.mark.parametrize("name", ["adgan_2d", "cyclegan_2d", "supervised_2d"])
def test_the_scores_of_a_training_are_known_before_its_first_step(name, load, toy_images, tmp_path):
    from nucleizoo import Hook

    class Noted(Hook):
        def before_training(self, trainer):
            self.expected = trainer.expected

        def after_training(self, trainer):
            self.given = trainer.scores

    pairs = [
        "SOLVER.TOTAL", "1", "MONITOR.VALIDATE", "1",
        "MONITOR.PICTURES", str(toy_images / "images"), "MONITOR.TRUTH", str(toy_images / "labels"),
    ]  # fmt: skip
    noted = Noted()
    api.train(load(name, [], *pairs), tmp_path / "run", hooks=[noted])
    assert noted.expected == set(noted.given) != set()
