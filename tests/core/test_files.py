import os
import stat

import pytest

from nucleizoo.core.files import atomic


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
