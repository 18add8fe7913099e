import os
import stat

import pytest

from nucleizoo.core.errors import RunError, UserError
from nucleizoo.core.files import atomic, atomic_folder, locked


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
