"""Installed and named plugins: loaded once, and told when broken."""

from __future__ import annotations

import logging
import pickle
import sys
from importlib.metadata import EntryPoint

import pytest

from nucleizoo.core import plugins
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.plugins import load_plugins, located
from nucleizoo.core.registry import BROKEN_PLUGINS, Registry

TOYS = Registry("toy", "Entry()")

PLUGIN = f"""
from {__name__} import TOYS

@TOYS.register("robot")
class Robot:
    pass
"""


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """The entry points there are; at first none, so that the shelf stays out of these tests."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    monkeypatch.setattr(plugins, "_installed", [])
    TOYS._entries.clear()
    yield points
    BROKEN_PLUGINS.clear()
    for module in [module for module in sys.modules if module.startswith("_nucleizoo_plugin")]:
        del sys.modules[module]


def point(name, module):
    return EntryPoint(name, module, plugins.GROUP)


def test_file_is_imported_once(tmp_path, monkeypatch):
    (tmp_path / "robots.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    absolute = str(tmp_path / "robots.py")
    assert load_plugins(["robots.py"]) == [absolute]
    assert load_plugins([absolute, "./robots.py"]) == [absolute, absolute]
    assert TOYS.names() == ("robot",)


def test_folder_is_imported_with_its_modules(tmp_path, monkeypatch):
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "__init__.py").write_text("from . import robots")
    (tmp_path / "zoo" / "robots.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "zoo")
    assert load_plugins(["zoo", "zoo/", "zoo/__init__.py"]) == [folder] * 3
    assert "robot" in TOYS


def test_files_of_one_name_do_not_meet(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "json.py").write_text(PLUGIN.replace("robot", f"robot_{folder}"))
        load_plugins([str(tmp_path / folder / "json.py")])
    assert TOYS.names() == ("robot_a", "robot_b")
    assert "_nucleizoo" not in sys.modules["json"].__name__


def test_classes_of_a_file_can_be_pickled(tmp_path):
    (tmp_path / "robots.py").write_text(PLUGIN)
    load_plugins([str(tmp_path / "robots.py")])
    assert type(pickle.loads(pickle.dumps(TOYS.get("robot")()))) is TOYS.get("robot")


def test_module_is_imported_by_name():
    assert load_plugins(["json.tool"]) == ["json.tool"]


def test_a_module_goes_before_a_folder_of_its_name(tmp_path):
    for name in ("json", "json_robots"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    assert located("json", tmp_path) == "json"
    assert located("json_robots", tmp_path) == str(tmp_path / "json_robots")


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("broken.py", "import nowhere_at_all", r"ModuleNotFoundError.*nowhere_at_all.*broken\.py:1"),
        ("typo.py", "a = = 1", r"SyntaxError.*typo\.py, line 1"),
        ("absent.py", None, r"no file .*absent\.py"),
        ("nowhere_at_all", None, "No module named 'nowhere_at_all'"),
    ],
)
def test_broken_named_plugin_stops_with_its_cause(tmp_path, monkeypatch, name, code, reason):
    monkeypatch.chdir(tmp_path)
    if code is not None:
        (tmp_path / name).write_text(code)
    with pytest.raises(ConfigError, match=reason) as caught:
        load_plugins([name])
    assert caught.value.__cause__ is not None
    assert not any(module.startswith("_nucleizoo_plugin") for module in sys.modules)


def test_broken_installed_plugin_is_a_warning_once_and_told_again(installed, caplog):
    installed += [point("broken", "nowhere_at_all"), point("works", "json")]
    with caplog.at_level(logging.WARNING):
        assert load_plugins() == ["works"]
        assert load_plugins() == ["works"]
    assert len(caplog.records) == 1
    with pytest.raises(ConfigError, match=r"'broken'.*ModuleNotFoundError"):
        TOYS.get("robot")


def test_own_shelf_is_loaded_first_and_must_work(installed):
    installed += [point("works", "json"), point("builtin", "nucleizoo.nowhere_at_all")]
    with pytest.raises(ModuleNotFoundError):
        load_plugins()
    assert plugins._installed == []
