import errno
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nucleizoo.core.errors import RunError, UserError
from nucleizoo.core.files import atomic, atomic_folder, is_too_long, locked, write_texts


def test_the_file_appears_whole_and_alone(tmp_path):
    path = tmp_path / "a.txt"
    with atomic(path) as part:
        part.write_text("new")
        assert not path.exists() and part.parent == tmp_path and part.suffix == ".txt"
        assert part.name.startswith(".")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(failure), atomic(path) as part:
        part.write_text("half")
        raise failure
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_the_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").touch()
    with atomic(tmp_path / "a") as part:
        part.write_text("x")
    modes = {stat.S_IMODE(os.stat(file).st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="missing"), atomic(tmp_path / "missing" / "a.txt"):
        pass


def test_a_folder_appears_whole_also_in_place_of_an_empty_one(tmp_path):
    for path in (tmp_path / "a" / "b", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with atomic_folder(path) as part:
            (part / "file").write_text("whole")
            assert not (path / "file").exists() and part.parent == path.parent
        assert (path / "file").read_text() == "whole"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_folder_that_failed_is_not_there(tmp_path, failure):
    with pytest.raises(failure), atomic_folder(tmp_path / "a") as part:
        (part / "file").write_text("half")
        raise failure
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_and_a_file_stay_as_they_are(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    for path in (tmp_path / "folder", tmp_path / "folder" / "mine"):
        with pytest.raises(UserError, match=rf"{path.name}: .*already"), atomic_folder(path):
            pass
    assert [file.name for file in tmp_path.rglob("*")] == ["folder", "mine"]


def kill_while_writing(code, path):
    """Let a process begin to write `path`, and kill it."""
    begin = "import os, sys, signal\nfrom pathlib import Path\nfrom nucleizoo.core.files import *\n"
    end = "(Path(sys.argv[1])) as part: print(part, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", f"{begin}with {code}{end}", path], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    return Path(os.fsdecode(done.stdout.strip()))


@pytest.mark.skipif(os.name != "posix", reason="nothing is locked there")
@pytest.mark.parametrize("make", ["atomic", "atomic_folder"])
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_the_same(tmp_path, make):
    path, other = tmp_path / "labels.tif", tmp_path / "other.tif"
    left, kept = kill_while_writing(make, path), kill_while_writing(make, other)
    assert {*tmp_path.iterdir()} == {left, kept}
    left.rename(left.with_name(left.name.replace("-0", "-1")))  # of two that were killed
    assert kill_while_writing(make, path) == left
    with (atomic if make == "atomic" else atomic_folder)(path):
        assert len([*tmp_path.iterdir()]) == 2
    assert {*tmp_path.iterdir()} == {path, kept}


def test_several_that_write_the_same_file_leave_each_other_alone(tmp_path):
    path = tmp_path / "a.txt"
    with atomic(path) as one:
        one.write_text("one")
        with atomic(path) as other:
            assert one != other and one.read_text() == "one"
            other.write_text("other")
        assert path.read_text() == "other" and one.is_file()
    assert path.read_text() == "one" and [*tmp_path.iterdir()] == [path]


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path):
    with atomic(tmp_path / "a.txt") as part:
        pass
    (tmp_path / "mine").write_text("mine")
    part.symlink_to(tmp_path / "mine")
    with atomic(tmp_path / "a.txt") as other:
        other.write_text("new")
    assert (tmp_path / "mine").read_text() == "mine" and (tmp_path / "a.txt").read_text() == "new"


def test_a_temporary_file_may_lie_in_another_folder(tmp_path):
    (tmp_path / "scratch").mkdir()
    with atomic(tmp_path / "a.txt", within=tmp_path / "scratch") as part:
        part.write_text("new")
        assert part.parent == tmp_path / "scratch"
    assert (tmp_path / "a.txt").read_text() == "new" and not [*(tmp_path / "scratch").iterdir()]


def test_a_name_too_long_is_told_before_anything_is_written(tmp_path):
    path = tmp_path / f"{'a' * 300}.txt"
    assert is_too_long(path) and not is_too_long(tmp_path / "none" / "a.txt")
    with pytest.raises(OSError, match=re.escape(str(path))), atomic(path):
        pytest.fail("the work was begun")
    assert not [*tmp_path.iterdir()]


def test_texts_are_written_together_or_not_at_all(tmp_path, monkeypatch):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    write_texts({one: "old\n", two: "old\n"})
    calls = []

    def full(number):
        calls.append(number)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_texts({one: "new", two: "new"})
    assert one.read_bytes() == two.read_bytes() == b"old\n" and len([*tmp_path.iterdir()]) == 2


def test_texts_are_utf8_and_names_that_are_not_have_backslashes(tmp_path):
    name = os.fsdecode(b"zellen_\xfc_\xc3\xbc")
    write_texts({tmp_path / "a.txt": name})
    assert (tmp_path / "a.txt").read_bytes() == b"zellen_\\udcfc_\xc3\xbc"


@pytest.mark.skipif(os.name != "posix", reason="nothing is locked there")
@pytest.mark.parametrize("again", [False, True])
def test_a_lock_that_its_holder_removed_meanwhile_is_not_had(tmp_path, monkeypatch, again):
    import fcntl

    whole = fcntl.lockf

    def late(held, how):
        (tmp_path / "lock").unlink()
        if again:
            (tmp_path / "lock").touch()
        whole(held, how)

    monkeypatch.setattr(fcntl, "lockf", late)
    with pytest.raises(RunError, match=r"in use .*wait"), locked(tmp_path / "lock"):
        pass
