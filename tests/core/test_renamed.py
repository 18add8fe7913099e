"""Old spellings are refused wherever they may still stand, and each refusal has the new one."""

import importlib
import importlib.util

import pytest
from support.naming import names

import nucleizoo
from nucleizoo import api
from nucleizoo.core import renamed
from nucleizoo.core.check import merge
from nucleizoo.core.errors import ConfigError, RunError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.core.registry import Registry
from nucleizoo.kinds import KINDS
from nucleizoo.runs import Run

LEAST = "METHOD: {NAME: supervised}\nDATASET: {SOURCE: {NAME: simulated_exm}}\n"


def refused(tmp_path, *words):
    """What is said of a configuration with KEY VALUE pairs laid over it."""
    (tmp_path / "c.yaml").write_text(LEAST)
    with pytest.raises(ConfigError) as caught:
        api.load_config(tmp_path / "c.yaml", words)
    return str(caught.value)


@pytest.mark.parametrize(("old", "new"), renamed.ENTRIES.items(), ids=str)
def test_an_entry_is_found_under_its_new_name_alone(old, new):
    kind, name = old
    registry = next(one for one in KINDS.values() if one.kind == kind)
    load_plugins()
    assert name not in registry and new in registry
    with pytest.raises(ConfigError, match=f"'{name}' .*'{new}'"):
        registry.get(name)


def test_entries_in_a_configuration_are_refused_with_the_new_name(tmp_path):
    names(refused(tmp_path, "DATASET.IMAGE.NAME", "folder"), "'folder'", "'images'")
    names(refused(tmp_path, "DATASET.SOURCE.NAME", "volumes"), "'volumes'", "'labelled'")


@pytest.mark.parametrize(("old", "new"), renamed.KEYS.items(), ids=str)
def test_keys_are_refused_with_the_new_key(old, new, tmp_path):
    names(refused(tmp_path, old, "1"), old, new)
    node = api.load_config(tmp_path / "c.yaml")
    for part in new.split("."):
        node = node[part]


@pytest.mark.parametrize("key", renamed.SLOTS)
def test_a_word_where_a_slot_is_now_is_refused_with_the_key_of_its_name(key, tmp_path):
    assert f"{key}.NAME constant" in refused(tmp_path, key, "constant")


@pytest.mark.parametrize(("old", "new"), [("tent", "linear"), ("centre", "cysgan"), ("gaussian", "gaussian")])
def test_an_old_word_in_a_slot_is_refused_with_the_new_one(old, new, tmp_path):
    assert f"INFERENCE.BLENDING.NAME {new}" in refused(tmp_path, "INFERENCE.BLENDING", old)
    api.load_config(tmp_path / "c.yaml", ["INFERENCE.BLENDING.NAME", new])


@pytest.mark.parametrize(("old", "new"), renamed.NAMES.items(), ids=str)
def test_what_plugins_import_is_refused_with_the_new_name(old, new):
    if old == "part":
        with pytest.raises(AttributeError, match=new):
            Registry("toy", "").part("l1")
        return
    with pytest.raises(ImportError, match=new):
        getattr(nucleizoo, old)


@pytest.mark.parametrize(("old", "new"), renamed.ATTRIBUTES.items(), ids=str)
def test_an_old_attribute_of_an_entry_is_not_ignored(old, new):
    with pytest.raises(TypeError, match=rf"\b{old} was renamed to {new}\b"):
        Registry("toy", "").register("toy")(type("Toy", (), {old: "domains"}))


@pytest.mark.parametrize(("module", "old", "new"), [
    ("contracts", "Source", "Dataset"), ("contracts", "Frame", "DataSpec"), ("kinds", "SOURCES", "DATASETS"),
    ("core.registry", "Part", "Recipe"),
])  # fmt: skip
def test_a_plugin_that_imports_an_old_name_from_its_module_is_told_the_new_one(module, old, new, tmp_path):
    plugin = tmp_path / f"from_{module}_{old}.py"
    plugin.write_text(f"from nucleizoo.{module} import {old}\n")
    with pytest.raises(ConfigError, match=rf" renamed to {new}\b"):
        load_plugins([str(plugin)])


@pytest.mark.parametrize(("old", "new"), renamed.MODULES.items(), ids=str)
@pytest.mark.parametrize("line", ["import {}", "from {} import anything", "from {0[0]} import {0[1]}, more"])
def test_a_plugin_that_imports_an_old_module_is_told_the_new_one(old, new, line, tmp_path):
    assert importlib.util.find_spec(new) is not None
    plugin = tmp_path / f"{old.replace('.', '_')}.py"
    plugin.write_text("\n" + line.format(old.rsplit(".", 1) if "[" in line else old))
    with pytest.raises(ConfigError) as caught:
        load_plugins([str(plugin)])
    names(caught.value, old, new)


def test_the_new_key_is_offered_only_where_the_entry_has_it():
    methods = Registry("method", "")
    methods.register("without")(lambda *, width=1: None)
    methods.register("with_one")(lambda *, network=1: None)
    said = {
        name: merge({"METHOD": methods.recipe(name)}, [{"METHOD": {"GENERATOR": 1}}])[1]
        for name in ("without", "with_one")
    }
    names(said["with_one"], "METHOD.GENERATOR", "METHOD.NETWORK")
    assert "NETWORK" not in str(said["without"])
    names(said["without"], "METHOD.GENERATOR", "'without'", "WIDTH")


def test_a_run_folder_of_before_says_what_to_change_in_it(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(
        "DATASET: {IMAGE: {NAME: folder}, SOURCE: {NAME: simulated_exm}}\n"
        "METHOD: {NAME: supervised, GENERATOR: {NAME: unet}}\nINFERENCE: {BLENDING: tent}\n"
    )
    with pytest.raises((ConfigError, RunError)) as caught:
        Run.open(tmp_path / "run")
    said = str(caught.value)
    assert str(tmp_path / "run" / "config.yaml") in said
    for new in ("'images'", "METHOD.NETWORK", "linear"):
        assert new in said
