"""Every check finds an entry that breaks its promise, says what is wrong, and passes one that keeps it."""

import sys
from pathlib import Path

import pytest
from support.naming import names

from nucleizoo import api
from nucleizoo.checks import Entry, checklist
from nucleizoo.cli import main
from nucleizoo.kinds import KINDS

PLUGIN = Path(__file__).with_name("broken_entries.py")


@pytest.fixture(scope="module", autouse=True)
def broken():
    """The plugin is loaded in this file alone."""
    modules = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        for registry in KINDS.values():
            patch.setattr(registry, "_entries", dict(registry._entries))
            patch.setattr(registry, "_places", dict(registry._places))
        yield
    for name in set(sys.modules) - modules:
        if name.startswith("_nucleizoo_plugin_broken_entries"):
            del sys.modules[name]


def results(word, *titles):
    """What the checks of an entry give that have one of some words in their titles, in 2D."""
    checks = checklist(Entry.named(word, (str(PLUGIN),)))
    return [
        one.result()
        for one in checks
        if any(title in one.title for title in titles) and not one.where.endswith("3D")
    ]


FINDS = [
    ("keyed", "docstring", ["spread", "Args:"]),
    ("unmade", "built from its defaults", ["nowhere"]),
    ("homeless", "every parameter once", ["'bias'", "no group", "groups()"]),
    ("shared", "every parameter once", ["maker.weight", "maker and judge"]),
    ("infinite", "two training steps", ["'ratio'", "'maker'", "nan"]),
    ("unsummed", "two training steps", ["'each'", "shape (2, 1, 32, 32)", "mean"]),
    ("stranger", "two training steps", ["'referee'", "maker, judge"]),
    ("misread", "two training steps", ["KeyError", "truth", "broken_entries.py", 'batch["truth"]']),
    ("ungraded", "two training steps", ["no_grad"]),
    ("meddling", "moves the parameters", ["judge.weight", "no update"]),
    ("backward", "moves the parameters", ["gradient", "maker.weight", "backward"]),
    ("greedy", "moves the parameters", ["judge.weight", "another group"]),
    ("idle", "moves the parameters", ["no update", "'judge'"]),
    ("hoarding", "moves the parameters", ["step=False", "maker.weight"]),
    ("spare", "gets a gradient", ["maker.spare.weight", "two steps"]),
    ("flat", "gets a gradient", ["maker.weight", "0 everywhere", "rounding"]),
    ("beyond", "predicts maps", ["'mask'", "[0, 1]", "task.target.activate"]),
    ("fickle", "predicts maps", ["differ", "random"]),
    ("shrinking", "protocols", ["to_image", "31"]),
    ("undrawn", "snapshot", ["prediction", "torch.no_grad"]),
    ("unsaved", "saved weights", ["forward", "buffer"]),
    ("counting", "a resumed one", ["state.method.maker.weight", "buffer", "get_extra_state"]),
    ("unseeded", "a resumed one", ["one seed", "generators"]),
    ("pickled", "a resumed one", ["state", "code"]),
    ("remembering", "by blocks", ["'mask'", "window"]),
    ("LOSSES.upside_down", "falls", ["does not rise"]),
    ("weightless", "falls", ["weights 1, 3 and 0", "**settings"]),
    ("turned", "falls", ["does not rise"]),
    ("per_pixel", "falls", ["shape (1, 1, 32, 32)"]),
    ("too_bright", "encodes", ["'foreground'", "[0, 1]"]),
    ("one_way", "when they come back", ["from_image"]),
    ("unsure", "is sure", ["likelihood"]),
    ("padded", "by blocks", ["blocks", "reach"]),
    ("misnumbered", "finds no nucleus", ["0, 5, 10"]),
    ("unused", "role", ["'more.weight'", "forward"]),
    ("cropping", "role", ["(2, 3, 32, 30)", "(2, 3, 32, 32)"]),
    ("halved", "role", ["StyleCoder", "decode"]),
    ("scoreless", "role", ["(2, 1)", "scores"]),
    ("closed", "opens", ["INDEX", "broken_entries.py"]),
    ("worldly", "from its generator", ["whole program", "rng"]),
    ("wide", "size asked for", ["(65, 49)", "(64, 48)"]),
    ("wide", "at most a size", ["(65, 49)", "at most (64, 48)"]),
    ("here_only", "another process", ["copy"]),
    ("left_behind", "moves labels", ["labels", "clean", "alike"]),
    ("worldly_noise", "same generator", ["rng"]),
    ("wrapped", "order", ["darker"]),
    ("stubborn", "learning rate of 0", ["param_groups"]),
    ("forgetful", "saved state", ["state"]),
    ("falling_through", "factor", ["step 41 of 40", "-0.025"]),
    ("SCHEDULES.counting", "factor", ["clock"]),
    ("rimless", "every voxel", ["border"]),
    ("pushing", "of one without", ["moves no weight"]),
    ("counting_on", "same state", ["state.CountingOn.told", "state_dict"]),
    ("crowded", "place", ["network.0"]),
]
"""Entry, words of the check that must fail, words of what it must say."""


@pytest.mark.parametrize(("entry", "title", "told"), FINDS, ids=[f"{e}: {t}" for e, t, _ in FINDS])
def test_a_broken_promise_is_found_and_explained(entry, title, told):
    word = entry if "." in entry else f"METHODS.{entry}" if entry == "counting" else entry
    (first, *_) = [one for one in results(word, title) if one.state == "failed"]
    names(first.told, *told)


@pytest.mark.parametrize(("entry", "told"), [
    ("summed", ["judge.weight", "mean over the batch"]),
    ("moody", ["step 2", "'judge'", "no further one", "wait"]),
])  # fmt: skip
def test_what_only_two_processes_show_is_found(entry, told):
    (found,) = results(entry, "two processes")
    assert found.state == "failed"
    names(found.told, *told)


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_something_that_it_finds(kind):
    known = {title for _, title, _ in FINDS} | {"two processes"}
    for check in checklist(Entry(kind, KINDS[kind].names()[0])):
        assert any(title in check.title for title in known), f"break '{check.title}' in {PLUGIN.name}"


def test_what_breaks_nothing_passes(capsys):
    assert main(["check", "sound", "--plugin", str(PLUGIN)]) == 0
    told = capsys.readouterr().out
    assert told.count("\nok  ") == 23 and "failed  " not in told
    names(told.splitlines()[-1], "sound", "24 checks", "0 failed")


def test_a_failure_is_told_and_gives_exit_code_1(capsys):
    assert main(["check", "LOSSES.weightless", "--plugin", str(PLUGIN)]) == 1
    said = capsys.readouterr().out
    names(said, "failed    it falls", "weights 1, 3 and 0", "2 checks, 2 failed")


@pytest.mark.parametrize(("words", "told"), [
    (["soundd"], ["soundd", "did you mean sound?", "--plugin"]),
    (["METHOD.sound"], ["METHOD", "METHODS"]),
    (["METHODS.soundd"], ["soundd", "sound"]),
    (["counting"], ["METHODS", "SCHEDULES", "METHODS.counting or SCHEDULES.counting"]),
    (["keyed", "SPRAED", "2"], ["METHODS.SPRAED", "METHODS.SPREAD"]),
    (["keyed", "SPREAD", "wide"], ["METHODS.SPREAD", "float", "'wide'"]),
    (["keyed", "SPREAD"], ["METHODS.SPREAD", "no value"]),
])  # fmt: skip
def test_what_cannot_be_checked_is_refused(words, told, capsys):
    assert main(["check", *words, "--plugin", str(PLUGIN)]) == 2
    names(capsys.readouterr().err, "error", *told)


def test_settings_of_the_command_reach_the_entry():
    states = {
        hold: [one.state for one in api.check("SCHEDULES.linear", (), ["HOLD", hold])] for hold in ("1", "2")
    }
    assert states == {"1": ["ok", "ok"], "2": ["ok", "failed"]}
