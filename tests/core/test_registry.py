"""Registration, recipes and the schema that a signature is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.naming import names

from nucleizoo.core import registry as registry_module
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Recipe, Registry, schema


@pytest.fixture
def losses():
    registry = Registry("loss", "Entry(**settings) -> Loss")

    @registry.register("l1")
    class L1:
        def __init__(self, *, weight: float = 1.0) -> None:
            self.weight = weight

    @registry.register("charbonnier")
    class Charbonnier(L1):
        def __init__(self, *, eps: float = 1e-3, **settings) -> None:
            super().__init__(**settings)
            self.eps = eps

    return registry


def refused(entry, name="entry"):
    with pytest.raises((TypeError, ValueError)) as caught:
        Registry("toy", "").register(name)(entry)
    return str(caught.value)


def test_register_returns_the_class_unchanged(losses):
    class Other: ...

    assert losses.register("other")(Other) is Other
    assert losses.get("other") is Other


def test_names_are_sorted_and_contained(losses):
    assert losses.names() == ("charbonnier", "l1")
    assert "l1" in losses and "l2" not in losses


def test_unknown_name_suggests_the_nearest_and_lists_all(losses):
    with pytest.raises(ConfigError) as caught:
        losses.get("charbonier")
    names(caught.value, "loss", "'charbonier'", "'charbonnier'", "charbonnier, l1")


def test_unknown_name_mentions_broken_plugins(losses, monkeypatch):
    monkeypatch.setitem(registry_module.BROKEN_PLUGINS, "more_losses", "ImportError: no scipy")
    with pytest.raises(ConfigError, match=r"'more_losses'.*ImportError: no scipy"):
        losses.get("huber")


def test_schema_follows_settings_to_the_parent(losses):
    found = losses.schema("charbonnier")
    assert {name: s.default for name, s in found.items()} == {"eps": 1e-3, "weight": 1.0}
    assert found["weight"].owner is losses.get("l1")
    assert found["weight"].annotation == "float"


def test_schema_stops_where_settings_stop():
    class Parent:
        def __init__(self, *, hidden=1): ...

    class Child(Parent):
        def __init__(self, *, shown=1):
            super().__init__(hidden=2)

    assert list(schema(Child)) == ["shown"]


def test_schema_follows_the_resolution_order_of_two_parents():
    class Base:
        def __init__(self, *, base=1): ...

    class Left(Base):
        def __init__(self, *, left=1, **settings): ...

    class Right(Base):
        def __init__(self, *, right=1, **settings): ...

    class Both(Left, Right): ...

    assert list(schema(Both)) == ["left", "right", "base"]


def test_heir_takes_over_names_by_keyword_and_by_position():
    class Parent:
        def __init__(self, *, width=1, depth=1): ...

    class Child(Parent):
        def __init__(self, depth, *, width=8, **settings): ...

    assert {name: s.default for name, s in schema(Child).items()} == {"width": 8}


def test_schema_of_a_function_and_of_a_class_without_init():
    def entry(wired, *, width=3): ...

    class Bare: ...

    assert schema(entry)["width"].owner is entry
    assert schema(Bare) == {}


def test_roles_of_a_subclass_go_before_those_of_its_parents():
    class Parent:
        roles = {"net": "translator", "critic": "domain critic"}

    class Between(Parent):
        pass

    class Child(Between):
        roles = {"net": "style coder"}

    def function(): ...

    registry = Registry("toy", "")
    for entry in (Parent, Between, Child, function):
        registry.register(entry.__name__.lower())(entry)
    assert registry.roles("child") == {"net": "style coder", "critic": "domain critic"}
    assert registry.roles("between") == Parent.roles
    assert registry.roles("function") == {}


def test_duplicate_name_tells_both_places(losses):
    with pytest.raises(ValueError) as caught:
        losses.register("l1")(losses.get("l1"))
    assert str(caught.value).count(f"{__file__}:") == 2


@pytest.mark.parametrize("name", ["CycleGAN", "cycle-gan", "", "_l1", "l1_", "2d", "name.space"])
def test_names_are_lower_snake(name):
    assert "lower_snake" in refused(lambda: None, name)


@pytest.mark.parametrize("default", [object(), {}, {"a": 1}, 1j, b"", {1}, (1, None), ({},), print, float])
def test_defaults_that_yaml_cannot_hold_are_refused(default):
    def entry(*, width=default): ...

    assert "'width'" in refused(entry)


@pytest.mark.parametrize("default", [True, 1, 1.0, "a", (), (1, 2), ["a"], ((1, 2), (3, 4)), None])
def test_defaults_that_yaml_can_hold_are_taken(default):
    def entry(*, width=default): ...

    Registry("toy", "").register("entry")(entry)


def test_keyword_without_default_is_refused_also_from_the_parent():
    class Parent:
        def __init__(self, *, width): ...

    class Child(Parent):
        def __init__(self, **settings): ...

    for entry in (Parent, Child):
        names(refused(entry), "'width'", "needs", "default")


def test_settings_that_collide_in_upper_case_are_refused():
    def picks(*, name="x"): ...
    def shouts(*, Width=1): ...

    assert "lower_snake" in refused(picks)
    assert "lower_snake" in refused(shouts)


def test_part_builds_twice(losses):
    part = losses.recipe("charbonnier", weight=10.0)
    first, second = part(), part()
    assert first is not second
    assert (first.weight, first.eps) == (10.0, 1e-3)


def test_part_passes_wired_arguments_and_keeps_nested_parts(losses):
    @losses.register("pair")
    def pair(a, b, *, inner=losses.recipe("l1")):
        return a, b, inner

    a, b, inner = losses.recipe("pair")(1, 2)
    assert (a, b) == (1, 2) and isinstance(inner, Recipe) and inner().weight == 1.0


def test_part_may_come_before_its_entry():
    registry = Registry("toy", "")
    part = registry.recipe("later", width=2)
    registry.register("later")(lambda *, width=1: width)
    assert part() == 2


def test_part_refuses_foreign_settings_when_built(losses):
    part = losses.recipe("l1", wieght=1.0)
    with pytest.raises(TypeError, match=r"'l1' .*\bwieght\b.* weight\b"):
        part()


def test_part_refuses_what_a_configuration_cannot_hold(losses):
    with pytest.raises(TypeError, match="cannot hold"):
        losses.recipe("l1", weight=object())


def test_part_is_read_only(losses):
    given = {"weight": 2.0}
    part = Recipe(losses, "l1", given)
    given["weight"] = 3.0
    assert part.settings == {"weight": 2.0}
    with pytest.raises(TypeError):
        part.settings["weight"] = 4.0
    with pytest.raises(AttributeError):
        part.name = "l2"


def test_registry_does_not_load_torch():
    code = "import sys, nucleizoo.core.registry; sys.exit('torch' in sys.modules or 'yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
