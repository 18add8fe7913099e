import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.same import assert_same

import nucleizoo
from nucleizoo import build
from nucleizoo.api import load_config
from nucleizoo.core.errors import ConfigError, RunError
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.runs import Run, saved_state, weights_of

TOY = Path(__file__).parents[2] / "configs" / "toy" / "adgan_2d.yaml"


def config(*pairs):
    return load_config(TOY, pairs)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run", config()).create()


def state(iteration):
    return {"iteration": iteration, "value": torch.full((50,), float(iteration))}


def weights(value=1.0):
    return {"w": torch.full((3,), value)}


def names(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_new_run_holds_the_whole_configuration_and_its_circumstances(run):
    assert names(run.path) == ["config.yaml", "run.json"]
    assert Run.open(run.path).config == config()
    told = json.loads((run.path / "run.json").read_text())
    assert told["nucleizoo"] == nucleizoo.__version__ and told["torch"] == torch.__version__
    assert {"python", "commit", "processor", "threads", "started"} <= told.keys()


def test_a_training_that_never_made_a_step_may_be_begun_anew(run):
    run.save(state(0), weights())
    Run(run.path, config("SOLVER.LR", "0.5")).create()
    assert Run.open(run.path).config.SOLVER.LR == 0.5
    run.save(state(2), weights())
    with pytest.raises(RunError, match=r"exists .*--resume"):
        Run(run.path, config()).create()


@pytest.mark.skipif(os.name != "posix", reason="nothing is locked there")
def test_a_folder_is_of_one_training_from_before_it_is_a_run_until_its_end(tmp_path):
    path = tmp_path / "a" / "run"
    other = (
        "import fcntl, sys; file = open(sys.argv[1], 'a')\n"
        "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError: sys.exit(3)"
    )

    def is_taken():
        return subprocess.run([sys.executable, "-c", other, path / ".lock"]).returncode == 3

    with Run.held(path):
        assert is_taken()
        Run(path, config()).create()
        assert is_taken()
        Run(path, config()).create()  # replaces files, but not that of the lock
        assert is_taken()
    assert names(tmp_path) == ["a/run/config.yaml", "a/run/run.json"]
    assert not is_taken()


@pytest.mark.skipif(os.name != "posix", reason="nothing is locked there")
def test_a_folder_that_another_has_is_refused_and_left_alone(tmp_path):
    hold = "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.lockf(file, fcntl.LOCK_EX)\n"
    with subprocess.Popen(
        [sys.executable, "-c", f"{hold}print('held', flush=True); input()", tmp_path / ".lock"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout.readline() == b"held\n"
        for _ in range(2):
            with pytest.raises(RunError, match=r"is in use .*wait"), Run.held(tmp_path):
                pytest.fail("two have the folder")
        other.communicate(b"\n")
    with Run.held(tmp_path):
        pass


def test_a_folder_in_which_no_run_was_begun_is_removed_if_it_was_not_there(tmp_path):
    (tmp_path / "mine").mkdir()
    for path in (tmp_path / "a" / "b", tmp_path / "mine" / "run", tmp_path / "mine"):
        with pytest.raises(KeyboardInterrupt), Run.held(path):
            raise KeyboardInterrupt
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def test_a_folder_with_anything_in_it_is_not_taken(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"run exists .*--resume.*--out"):
        Run(tmp_path / "run", config()).create()
    with pytest.raises(RunError, match=r"notes\.txt exists .*--out"):
        Run(tmp_path / "run" / "notes.txt", config()).create()
    assert names(tmp_path) == ["run/notes.txt"]


def test_an_empty_folder_is_taken_and_so_is_what_a_killed_start_left(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".part-0123.yaml").write_text("SYS")
    (tmp_path / "run" / ".lock").touch()
    with Run.held(tmp_path / "run"):
        Run(tmp_path / "run", config()).create()
    assert names(tmp_path / "run") == ["config.yaml", "run.json"]


def test_opening_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match=rf"{tmp_path.name} .*config\.yaml.*--out"):
        Run.open(tmp_path)
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match=r"config\.yaml .*UTF-8"):
        Run.open(tmp_path)
    (tmp_path / "config.yaml").write_text("SOLVER: {BATCH: 0}\nMETHOD: {NAME: adgan}")
    with pytest.raises(ConfigError, match=r"SOLVER\.BATCH .*\b1\b.*\b0\b"):
        Run.open(tmp_path)


def test_another_configuration_is_refused_and_its_keys_named(run):
    run.check_same(config())
    with pytest.raises(RunError) as caught:
        run.check_same(config("SOLVER.LR", "0.5", "METHOD.GENERATOR.WIDTH", "8"))
    assert "SOLVER.LR: 0.5 here, 0.0002 there" in str(caught.value)
    assert "METHOD.GENERATOR.WIDTH: 8 here, 4 there" in str(caught.value)
    assert str(caught.value).count(" here, ") == 2


@pytest.mark.parametrize("pair", [
    ("SYSTEM.DEVICE", "cpu"), ("SYSTEM.WORKERS", "0"), ("MONITOR.LOG", "1"), ("MONITOR.SAVE", "1"),
    ("DATASET.IMAGE.CACHE_GB", "0.5"),
])  # fmt: skip
def test_what_does_not_change_the_result_may_change(run, pair):
    run.check_same(config(*pair))


def test_a_finished_run_is_told_from_one_that_is_not_by_its_checkpoints_or_else_by_its_log(run):
    def refused(done):
        with pytest.raises(RunError, match=rf"{run.path} .*\b{done} of {total} .*--out {run.path} --resume"):
            Run.open_finished(run.path)

    total = run.config.SOLVER.TOTAL
    refused(0)
    row = json.dumps({"iteration": total, "seconds": 1.0, "loss": {}}) + "\n"
    (run.path / "log.jsonl").write_text(row)
    run.save(state(total - 1), weights())
    refused(total - 1)
    run.save(state(total), weights())
    assert Run.open_finished(run.path).config == run.config
    for file in run.checkpoints():
        file.unlink()
    assert Run.open_finished(run.path).iteration == total
    (run.path / "log.jsonl").write_text('{"iteration": 1, "seconds": 1.0}\n' + row[:-4])
    refused(1)


def test_the_two_newest_checkpoints_are_kept(run):
    assert run.latest() is None
    for iteration in (0, 20, 100, 3000):
        run.save(state(iteration), weights(iteration))
        assert run.latest()["iteration"] == iteration
    assert [file.name for file in run.checkpoints()] == ["iteration_00000100.pt", "iteration_00003000.pt"]
    assert torch.equal(run.latest()["value"], state(3000)["value"])
    assert load_file(run.path / "weights.safetensors")["w"].tolist() == [3000.0] * 3
    assert not list(run.path.rglob(".part*"))


def test_files_are_as_readable_as_others(run):
    (run.path / "other").touch()
    run.save(state(1), weights())
    wanted = stat.S_IMODE((run.path / "other").stat().st_mode)
    for file in (run.path / "weights.safetensors", run.path / "config.yaml", *run.checkpoints()):
        assert stat.S_IMODE(file.stat().st_mode) == wanted


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_checkpoint_falls_back_to_the_one_before(run, caplog, keep):
    run.save(state(1), weights())
    run.save(state(2), weights())
    newest = run.checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:keep])
    assert run.latest()["iteration"] == 1
    assert f"{newest} " in caplog.text and "read" in caplog.text and "previous" in caplog.text


def test_damage_inside_a_checkpoint_does_not_go_unseen(run):
    run.save(state(1), weights())
    run.save(state(2), weights())
    newest = run.checkpoints()[-1]
    content = bytearray(newest.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    newest.write_bytes(content)
    assert run.latest()["iteration"] == 1


def flipped(file, place, bit=6):
    """Change one bit of a file."""
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


def test_a_flipped_bit_anywhere_in_a_checkpoint_is_told_or_changes_nothing(run, caplog):
    run.save(state(1), weights())
    run.save(state(2) | {"rates": (0.5, None, "a"), "half": torch.ones(4, dtype=torch.bfloat16)}, {})
    newest, wanted, told = run.checkpoints()[-1], run.latest(), 0
    good = newest.read_bytes()
    for place in range(0, len(good), 29):
        flipped(newest, place, place % 8)
        found = run.latest()
        if found["iteration"] == 1:
            told += 1
        else:
            assert_same({key: found[key] for key in wanted}, wanted)  # the name of the hash may be another
        newest.write_bytes(good)
    at = good.index(state(2)["value"].numpy().tobytes()) + 21
    flipped(newest, at)
    caplog.clear()
    assert run.latest()["iteration"] == 1 and told > 15
    assert "SHA-256" in caplog.text and newest.name in caplog.text


def test_a_flipped_bit_anywhere_in_weights_is_told(run):
    seen = Statistics.from_tensors({"0": torch.arange(6.0).view(3, 2)})
    run.save(state(1), {"w": torch.arange(9.0).view(3, 3), "b": torch.ones(3)}, seen)
    file = run.path / "weights.safetensors"
    good = file.read_bytes()
    saved_state.read_weights(run.path), saved_state.load_statistics(run.path)
    for place in range(0, len(good), 3):
        flipped(file, place, place % 7)
        with pytest.raises(RunError, match=r"weights\.safetensors .*damaged.*copy it again"):
            saved_state.read_weights(run.path), saved_state.load_statistics(run.path)
        file.write_bytes(good)


def test_the_same_weights_are_the_same_file(run):
    made = set()
    for _ in range(5):
        run.save(state(1), weights(), Statistics.from_tensors({"0": torch.ones(3, 2)}))
        made.add((run.path / "weights.safetensors").read_bytes())
    assert len(made) == 1


def test_files_of_older_versions_have_no_hash_and_are_read(run):
    target = run.path / "checkpoints" / "iteration_00000003.pt"
    target.parent.mkdir()
    torch.save(state(3), target)
    save_file(weights(), run.path / "weights.safetensors")
    assert run.latest().keys() == state(3).keys()
    assert saved_state.read_weights(run.path)["w"].tolist() == [1.0] * 3
    assert saved_state.load_statistics(run.path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 there")
def test_a_run_folder_may_have_a_name_of_any_bytes(tmp_path):
    run = Run(tmp_path / os.fsdecode(b"lauf_\xfc"), config("DATASET.ROOT", os.fsdecode(b"z_\xfc"))).create()
    run.save(state(1), weights(3.0))
    assert Run.open(run.path).config.DATASET.ROOT == os.fsdecode(b"z_\xfc")
    assert run.latest()["iteration"] == 1 and saved_state.read_weights(run.path)["w"].tolist() == [3.0] * 3


def test_without_any_readable_checkpoint_nothing_is_made_up(run):
    run.save(state(1), weights())
    run.checkpoints()[0].write_bytes(b"")
    with pytest.raises(RunError, match=r"checkpoints .*read.* train"):
        run.latest()


class Poison:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (self.file,)


@pytest.mark.parametrize("new_format", [True, False])
def test_a_poisoned_checkpoint_does_not_run(run, tmp_path, new_format):
    run.save(state(1), weights())
    victim = tmp_path / "victim"
    file = run.path / "checkpoints" / "iteration_00000002.pt"
    torch.save(state(2) | {"more": Poison(str(victim))}, file, _use_new_zipfile_serialization=new_format)
    assert run.latest()["iteration"] == 1
    assert not victim.exists()


def test_what_is_no_checkpoint_is_passed_over(run):
    run.save(state(1), weights())
    torch.save([1, 2], run.path / "checkpoints" / "iteration_00000002.pt")
    assert run.latest()["iteration"] == 1


def test_the_method_comes_with_its_weights(run):
    with pytest.raises(RunError, match=r"no weights .*train"):
        run.method()
    torch.manual_seed(3)
    method = build.method(config())
    run.save(state(1), weights_of(method))
    opened = Run.open(run.path).method()
    for (name, one), (_, other) in zip(method.named_parameters(), opened.named_parameters(), strict=True):
        assert torch.equal(one, other), name


def test_weights_that_do_not_fit_are_told(run):
    wide = build.method(config("METHOD.GENERATOR.WIDTH", "8"))
    run.save(state(1), weights_of(wide))
    with pytest.raises(RunError, match=r"weights\.safetensors .*config\.yaml: .*size mismatch"):
        run.method()
    run.save(state(1), weights())
    with pytest.raises(RunError, match=r"weights\.safetensors .*config\.yaml"):
        run.method()
    (run.path / "weights.safetensors").write_bytes(b"\x00" * 30)
    with pytest.raises(RunError, match=r"weights\.safetensors .*damaged"):
        run.method()


def test_weights_hold_tensors_alone():
    method = build.method(config())
    assert any(key.endswith("_extra_state") for key in method.state_dict())
    assert weights_of(method).keys() == dict(method.named_parameters()).keys()
