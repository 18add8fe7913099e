"""The folder of what is found on the way belongs to one process, and goes without harm."""

import shutil
import subprocess
import sys

import pytest

from nucleizoo.blockwise.state.scratch import held, job_file, remove
from nucleizoo.core.errors import RunError, UserError

HOLD = (
    "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.lockf(file, fcntl.LOCK_EX)\n"
    "print('held', flush=True); input()"
)


@pytest.fixture
def scratch(tmp_path):
    """A folder of a job that was begun."""
    for name in ("components", "predict", "zzz"):
        (tmp_path / "scratch" / name).mkdir(parents=True)
        (tmp_path / "scratch" / name / "0000000.npz").touch()
    (tmp_path / "scratch" / "measured.npz").touch()
    job_file(tmp_path / "scratch").touch()
    return tmp_path / "scratch"


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_a_folder_is_held_whatever_becomes_of_the_job_in_it(scratch):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, scratch / "lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        job_file(scratch).with_name("new").touch()
        job_file(scratch).with_name("new").replace(job_file(scratch))
        for _ in range(2):
            with pytest.raises(RunError, match=r"scratch .*in use.* wait"):
                with held(scratch):
                    pass
            job_file(scratch).unlink(missing_ok=True)
        assert (scratch / "components").exists()
        other.communicate(b"\n")
    with held(scratch):
        pass


def test_what_could_not_begin_leaves_no_folder_and_what_did_stays(tmp_path, scratch):
    with pytest.raises(UserError), held(tmp_path / "none"):
        assert (tmp_path / "none").is_dir()
        raise UserError("too little memory")
    with pytest.raises(KeyboardInterrupt), held(scratch):
        raise KeyboardInterrupt
    assert not (tmp_path / "none").exists() and (scratch / "predict" / "0000000.npz").exists()


def test_what_a_removal_that_was_killed_left_is_removed_by_the_next_job(tmp_path, scratch):
    others = [tmp_path / "scratch_2-12ab34cd", tmp_path / "my_scratch-12ab34cd"]
    for folder in [tmp_path / "scratch-12ab34cd", *others]:
        folder.mkdir()
        (folder / "lock").touch()
    with held(scratch):
        assert {*tmp_path.iterdir()} == {scratch, *others}


def test_a_removal_that_is_stopped_leaves_a_job_to_go_on_with(tmp_path, scratch, monkeypatch):
    with held(scratch):
        with monkeypatch.context() as patch:
            whole = shutil.rmtree
            patch.setattr(shutil, "rmtree", lambda path: 1 / 0 if path.name == "components" else whole(path))
            with pytest.raises(ZeroDivisionError):
                remove(scratch)
        assert job_file(scratch).exists() and (scratch / "lock").exists()
        remove(scratch)
    assert not any(tmp_path.iterdir())
