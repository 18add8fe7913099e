"""Files and command lines become a checked tree, and recipes; or one message with all that is wrong."""

from __future__ import annotations

import importlib
import math
import textwrap
import time
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.naming import names

from nucleizoo.core import plugins, text
from nucleizoo.core.config import differences, dump, load, loads, recipe_of
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Registry

METHODS = Registry("method", "Entry(task, **settings)")
GENERATORS = Registry("generator", "Entry(channels, **settings)")
DISCRIMINATORS = Registry("discriminator", "Entry(channels, **settings)")
LOSSES = Registry("loss", "Entry(**settings)")


@LOSSES.register("l1")
class L1:
    def __init__(self, *, weight: float = 1.0):
        self.weight = weight


@LOSSES.register("charbonnier")
class Charbonnier(L1):
    def __init__(self, *, eps: float = 1e-3, **settings):
        super().__init__(**settings)
        self.eps = eps


@LOSSES.register("plain")
class Plain:
    def __init__(self, *, power: int = 2):
        self.power = power


@LOSSES.register("classes")
class Classes:
    def __init__(self, *, weight: tuple[float, ...] = (1.0, 1.0)):
        self.weight = weight


@GENERATORS.register("resnet")
class ResNet:
    def __init__(self, channels, *, width: int = 64, blocks: int = 9):
        self.channels, self.width = channels, width


@GENERATORS.register("unet")
class UNet:
    def __init__(self, channels, *, width: int = 16, plus: bool = False):
        self.channels, self.width, self.plus = channels, width, plus


@DISCRIMINATORS.register("patchgan")
class PatchGAN:
    def __init__(self, channels, *, noise: float = 0.0): ...


@METHODS.register("cyclegan")
class CycleGAN:
    def __init__(
        self,
        task,
        *,
        generator=GENERATORS.recipe("resnet"),
        discriminator=DISCRIMINATORS.recipe("patchgan"),
        cycle=LOSSES.recipe("l1", weight=10.0),
        pool: int = 50,
    ):
        self.task, self.generator, self.cycle, self.pool = task, generator(task), cycle(), pool


@METHODS.register("softgan")
class SoftGAN(CycleGAN):
    def __init__(self, task, *, cycle=LOSSES.recipe("charbonnier", weight=10.0), **settings):
        super().__init__(task, cycle=cycle, **settings)


@METHODS.register("leaves")
class Leaves:
    def __init__(
        self,
        task,
        *,
        flag: bool = False,
        count: int = 1,
        rate: float = 0.5,
        limit: float = math.inf,
        word: str = "a",
        size: tuple[int, ...] = (1, 1),
        spacing: tuple[float, ...] = (1.0, 1.0),
        strides: tuple[tuple[int, ...], ...] = ((1, 2),),
        numbers: tuple[float, ...] = (),
        words: tuple[str, ...] = (),
        either: tuple = (),
        items: list[int] = [1, 2],  # noqa: B006
        anything: int | None = None,
    ): ...


DEFAULTS = {
    "SYSTEM": {"SEED": 0, "PLUGINS": (), "OUT": "runs"},
    "METHOD": METHODS.recipe("cyclegan"),
    "SOLVER": {"LR": 0.1, "TOTAL": 100},
}


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Keep the shelf out of these tests."""
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    monkeypatch.setattr(plugins, "_installed", [])


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(content, name="a.yaml"):
        (tmp_path / name).write_text(textwrap.dedent(content))
        return name

    return write


def checked(content, *overrides, defaults=DEFAULTS):
    """Load a text, the command line's pairs over it."""
    with open("a.yaml", "w") as file:
        file.write(textwrap.dedent(content))
    return load("a.yaml", overrides, defaults=defaults)


def problems(content, *overrides, defaults=DEFAULTS):
    with pytest.raises(ConfigError) as caught:
        checked(content, *overrides, defaults=defaults)
    return str(caught.value)


def leaves(content, *overrides):
    return checked(f"METHOD: {{NAME: leaves, {content}}}", *overrides).METHOD


# What a good file becomes


def test_empty_file_gives_the_defaults(write):
    config = load(write("# nothing"), defaults=DEFAULTS)
    assert config.SOLVER.LR == 0.1
    assert config.METHOD.NAME == "cyclegan"
    assert config.METHOD.CYCLE == {"NAME": "l1", "WEIGHT": 10.0}
    assert list(config.METHOD) == ["NAME", "GENERATOR", "DISCRIMINATOR", "CYCLE", "POOL"]


def test_tree_is_frozen(write):
    config = load(write(""), defaults=DEFAULTS)
    with pytest.raises(AttributeError):
        config.METHOD.CYCLE.WEIGHT = 3.0


def test_heir_has_the_parents_keys_and_those_of_its_own_loss(write):
    config = checked("METHOD: {NAME: softgan, POOL: 7, CYCLE: {EPS: 0.1}}")
    assert config.METHOD.POOL == 7
    assert config.METHOD.CYCLE == {"NAME": "charbonnier", "EPS": 0.1, "WEIGHT": 10.0}


def test_override_of_a_method_holds_for_entries_that_have_the_key(write):
    assert checked("METHOD: {CYCLE: {NAME: charbonnier}}").METHOD.CYCLE.WEIGHT == 10.0
    assert checked("METHOD: {CYCLE: {NAME: charbonnier, WEIGHT: 2}}").METHOD.CYCLE.WEIGHT == 2.0
    assert checked("METHOD: {CYCLE: {NAME: plain}}").METHOD.CYCLE == {"NAME": "plain", "POWER": 2}


def test_override_of_another_type_is_another_key(write):
    assert checked("METHOD: {CYCLE: {NAME: classes}}").METHOD.CYCLE.WEIGHT == (1.0, 1.0)


def test_defaults_are_not_shared_with_the_tree(write):
    leaves("").ITEMS.append(3)
    assert leaves("").ITEMS == [1, 2]


def test_wrong_override_in_code_is_a_type_error(write):
    for part in (LOSSES.recipe("l1", wieght=1.0), LOSSES.recipe("l1", weight="ten")):
        with pytest.raises(TypeError, match="'l1'"):
            checked("", defaults={"LOSS": part})


def test_recipe_builds_what_the_tree_says(write):
    config = checked("METHOD: {NAME: softgan, GENERATOR: {NAME: unet, PLUS: true}, CYCLE: {EPS: 0.2}}")
    method = recipe_of(config.METHOD, METHODS)(3)
    assert type(method) is SoftGAN
    assert (method.generator.channels, method.generator.width, method.generator.plus) == (3, 16, True)
    assert (method.cycle.eps, method.cycle.weight) == (0.2, 10.0)


def test_recipe_of_the_defaults_builds_what_the_constructor_builds(write):
    built, direct = recipe_of(checked("").METHOD, METHODS)(3), CycleGAN(3)
    assert (built.generator.width, built.cycle.weight) == (direct.generator.width, direct.cycle.weight)


# Bases and command lines


def test_base_lies_below_and_is_seen_from_its_own_folder(write, tmp_path):
    (tmp_path / "data").mkdir()
    write("_BASE_: deep.yaml\nSOLVER: {TOTAL: 5}", "data/base.yaml")
    write("SOLVER: {LR: 0.5, TOTAL: 1}", "data/deep.yaml")
    config = load(write("_BASE_: data/base.yaml\nSYSTEM: {SEED: 3}"), defaults=DEFAULTS)
    assert (config.SOLVER.LR, config.SOLVER.TOTAL, config.SYSTEM.SEED) == (0.5, 5, 3)


def test_later_base_wins_and_a_shared_one_is_laid_once(write):
    write("SOLVER: {LR: 1.0, TOTAL: 1}", "root.yaml")
    write("_BASE_: root.yaml\nSOLVER: {LR: 2.0}", "left.yaml")
    write("_BASE_: root.yaml\nSOLVER: {TOTAL: 3}", "right.yaml")
    config = load(write("_BASE_: [left.yaml, right.yaml]"), defaults=DEFAULTS)
    assert (config.SOLVER.LR, config.SOLVER.TOTAL) == (2.0, 3)


def test_circle_of_bases_is_named(write):
    write("_BASE_: a.yaml", "b.yaml")
    with pytest.raises(ConfigError, match=r"a\.yaml -> b\.yaml -> a\.yaml"):
        load(write("_BASE_: b.yaml"), defaults=DEFAULTS)


def test_missing_base_names_the_file_that_wants_it(write):
    with pytest.raises(ConfigError, match=r"a\.yaml -> gone\.yaml.* No such file"):
        load(write("_BASE_: gone.yaml"), defaults=DEFAULTS)


@pytest.mark.parametrize("base", ["3", "{A: 1}", "[3]"])
def test_base_is_a_file_or_a_list(write, base):
    names(problems(f"_BASE_: {base}"), "_BASE_", "list", "files")


@pytest.mark.parametrize("base", ["GENERATOR: {BLOCKS: 3}", "GENERATOR: {NAME: resnet, BLOCKS: 3}"])
def test_changed_name_drops_what_the_base_said(write, base):
    write(f"METHOD: {{{base}}}", "base.yaml")
    assert checked("_BASE_: base.yaml\nMETHOD: {GENERATOR: {NAME: unet}}").METHOD.GENERATOR == {
        "NAME": "unet", "WIDTH": 16, "PLUS": False,
    }  # fmt: skip
    config = checked("_BASE_: base.yaml", "METHOD.GENERATOR.NAME", "unet")
    assert config.METHOD.GENERATOR.NAME == "unet"
    told = problems("METHOD: {GENERATOR: {NAME: unet, BLOCKS: 3}}")
    names(told, "METHOD.GENERATOR.BLOCKS", "'unet'")


def test_same_name_keeps_what_the_base_said(write):
    write("METHOD: {GENERATOR: {BLOCKS: 3}}", "base.yaml")
    content = "_BASE_: base.yaml\nMETHOD: {GENERATOR: {NAME: resnet}}"
    assert checked(content, "METHOD.GENERATOR.WIDTH", "8").METHOD.GENERATOR == {
        "NAME": "resnet", "WIDTH": 8, "BLOCKS": 3,
    }  # fmt: skip


def test_changed_method_drops_the_settings_of_its_parts(write):
    write("METHOD: {NAME: cyclegan, POOL: 3, CYCLE: {WEIGHT: 5}}", "base.yaml")
    method = checked("_BASE_: base.yaml", "METHOD.NAME", "softgan").METHOD
    assert (method.POOL, method.CYCLE.WEIGHT) == (50, 10.0)


def test_command_line_is_read_as_the_default_wants(write):
    config = checked("", "SOLVER.LR", "1e-4", "SOLVER.TOTAL", "7", "SYSTEM.OUT", "1e-4", "SYSTEM.SEED", "3")
    assert (config.SOLVER.LR, config.SOLVER.TOTAL, config.SYSTEM.OUT) == (1e-4, 7, "1e-4")
    assert type(config.SYSTEM.OUT) is str
    assert checked("", "SYSTEM.OUT", "[yes: no").SYSTEM.OUT == "[yes: no"
    pairs = [
        "METHOD.NAME",
        "leaves",
        "METHOD.SIZE",
        "[2, 3]",
        "METHOD.FLAG",
        "yes",
        "METHOD.ANYTHING",
        "1e-4",
    ]
    method = checked("", *pairs).METHOD
    assert (method.SIZE, method.FLAG, method.ANYTHING) == ((2, 3), True, 1e-4)


def test_command_line_needs_pairs(write):
    names(problems("", "SOLVER.LR"), "KEY VALUE", "SOLVER.LR")


@pytest.mark.parametrize("pairs", [("A", "1", "A.B", "2"), ("A.B", "2", "A", "1")])
def test_command_line_sets_a_value_or_keys_below_it(write, pairs):
    names(problems("", *pairs), "command line sets", "A")


def test_command_line_errors_are_in_the_list(write):
    told = problems("", "SOLVR.LR", "1", "SOLVER.TOTAL", "[1", "METHOD", "cyclegan").splitlines()
    wanted = [
        ("a.yaml", "command line"),
        ("SOLVR", "SOLVER"),
        ("METHOD", "'cyclegan'", "METHOD.NAME"),
        ("SOLVER.TOTAL", "'[1'", "line 1"),
    ]
    for line, parts in zip(told, wanted, strict=True):
        names(line, *parts)


# What is told about a bad file


def test_all_problems_are_told_at_once():
    discriminators = Registry("discriminator", "")
    discriminators.register("patchgan")(lambda channels, *, noise=0.0: None)

    def cyclegan(
        task,
        *,
        generator=GENERATORS.recipe("resnet"),
        discriminator=discriminators.recipe("patchgan"),
        cycle=LOSSES.recipe("l1", weight=10.0),
    ): ...

    methods = Registry("method", "")
    methods.register("cyclegan")(cyclegan)
    defaults = {"METHOD": methods.recipe("cyclegan"), "SOLVER": {"LR": 0.1}}
    content = """
    SOLVR: {LR: 1.0}
    METHOD:
      GENRATOR: {NAME: resnet}
      DISCRIMINATOR: {NAME: patchgn, NOISE: 0.1}
      CYCLE: {NAME: l1, WEIGHT: ten}
    """
    with pytest.raises(ConfigError) as caught:
        loads(textwrap.dedent(content), defaults=defaults, name="bad.yaml")
    wanted = [
        ("bad.yaml",),
        ("SOLVR", "SOLVER"),
        ("METHOD.GENRATOR", "'cyclegan'", "METHOD.GENERATOR"),
        ("METHOD.DISCRIMINATOR.NAME", "'patchgn'", "'patchgan'"),
        ("METHOD.CYCLE.WEIGHT", "float", "10.0", "'ten'"),
    ]
    for line, parts in zip(str(caught.value).splitlines(), wanted, strict=True):
        names(line, *parts)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("method: {NAME: cyclegan}", ["method", "METHOD"]),
        ("SOLVER: {lr: 0.1}", ["SOLVER.lr", "SOLVER.LR"]),
        ("METHOD: {name: cyclegan}", ["METHOD.name", "'cyclegan'", "METHOD.NAME"]),
        ("SOLVER: {QQQ: 1}", ["SOLVER.QQQ", "LR", "TOTAL"]),
        ("SOLVER: {NO: 1}", ["SOLVER.NO", "key"]),
        ("POOL: 3", ["POOL", "METHOD.POOL"]),
        ("WIDTH: 3", ["WIDTH", "METHOD.GENERATOR.WIDTH"]),
        ("SOLVER:", ["SOLVER", "empty", "keys"]),
        ("METHOD: ~", ["METHOD", "empty"]),
        ("SOLVER: 3", ["SOLVER", "keys", "3"]),
        ("METHOD: cyclegan", ["METHOD", "'cyclegan'", "METHOD.NAME"]),
        ("METHOD: [NAME, cyclegan]", ["METHOD", "keys", "['NAME', 'cyclegan']"]),
        ("METHOD: {NAME: 3}", ["METHOD.NAME", "str", "3"]),
        ("METHOD: {NAME: [cyclegan]}", ["METHOD.NAME", "str", "['cyclegan']"]),
        ("METHOD: {NAME: ''}", ["METHOD.NAME", "missing", "cyclegan, leaves, softgan"]),
        ("SOLVER: {LR: {A: 1}}", ["SOLVER.LR", "float", "0.1", "mapping"]),
        ("SYSTEM: {OUT: 3}", ["SYSTEM.OUT", "str", "'runs'", "3"]),
        ("SYSTEM: {PLUGINS: some.py}", ["plugin", "some.py", "no file"]),
        ("SYSTEM: {PLUGINS: [3]}", ["SYSTEM.PLUGINS", "list", "[3]"]),
    ],
)
def test_problem_is_told(write, content, told):
    names(problems(content), *told)


def test_empty_slot_must_be_named(write):
    defaults = {"METHOD": METHODS.recipe(""), "LOSS": LOSSES.recipe("", weight=3.0)}
    _, method, loss = problems("", defaults=defaults).splitlines()
    names(method, "METHOD.NAME", "missing", "cyclegan, leaves, softgan")
    names(loss, "LOSS.NAME", "missing", "charbonnier, classes, l1, plain")
    config = checked("{METHOD: {NAME: cyclegan}, LOSS: {NAME: l1}}", defaults=defaults)
    assert config.LOSS.WEIGHT == 3.0


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("RATE: 2", 2.0),
        ("RATE: 1e-4", 1e-4),
        ("RATE: -1E5", -1e5),
        ("LIMIT: .inf", math.inf),
        ("WORD: 1e-4", "1e-4"),
        ("WORD: 2024-01-01", "2024-01-01"),
        ("SIZE: [2, 3, 4]", (2, 3, 4)),
        ("SIZE: []", ()),
        ("SPACING: [1, 1e-1]", (1.0, 0.1)),
        ("STRIDES: [[1, 1], [2, 2]]", ((1, 1), (2, 2))),
        ("NUMBERS: [1, 2.5, 1e-4]", (1, 2.5, 1e-4)),
        ("WORDS: [a, 1e-4]", ("a", "1e-4")),
        ("EITHER: [a.py, b]", ("a.py", "b")),
        ("EITHER: [1, 1e-4]", (1, 1e-4)),
        ("ITEMS: [3]", [3]),
        ("ITEMS: 3", [3]),
        ("SIZE: 3", (3,)),
        ("SPACING: 1e-1", (0.1,)),
        ("NUMBERS: 0.5", (0.5,)),
        ("WORDS: a.*", ("a.*",)),
        ("COUNT: 010", 10),
        ("COUNT: -08", -8),
        ("COUNT: 0x10", 16),
        ("COUNT: 1_000", 1000),
        ("RATE: 010", 10.0),
        ("RATE: 010.5", 10.5),
        ("WORD: '010'", "010"),
        ("WORD: 1:30", "1:30"),
        ("ANYTHING: 1:30", "1:30"),
        ("ANYTHING: [010, '010', 1:30]", (10, "010", "1:30")),
        ("ANYTHING: [1, [a, null]]", (1, ("a", None))),
        ("ANYTHING: 1e-4", 1e-4),
        ("ANYTHING: '1e-4'", "1e-4"),
    ],
)
def test_value_is_taken(write, content, value):
    found = leaves(content)[content.split(":")[0]]
    assert found == value and type(found) is type(value)
    if isinstance(value, tuple):
        assert [type(item) for item in found] == [type(item) for item in value]


@pytest.mark.parametrize(
    "content",
    [
        "FLAG: 1", "FLAG: 'yes'", "FLAG: ~", "COUNT: true", "COUNT: 1.0", "COUNT: 1e3", "COUNT: '1'",
        "RATE: true", "RATE: '1e-4'", "RATE: .nan", "RATE: .inf", "RATE: 1e999", "LIMIT: .nan", "RATE: [1.0]",
        f"RATE: 1{'0' * 400}", "WORD: 3", "WORD: yes", "WORD: ~", "WORD: [a]",
        "SIZE: '[1, 2]'", "SIZE: [1.5]", "SIZE: [true]", "SIZE: [a]", "SIZE: [{A: 1}]",
        "SPACING: [a]", "SPACING: [.nan]", "STRIDES: [1, 2]", "STRIDES: 3",
        "NUMBERS: [a]", "NUMBERS: [true]", "NUMBERS: true", "WORDS: [3]", "WORDS: 3", "EITHER: [1, a]",
        "ANYTHING: {A: 1}", "ANYTHING: [{A: 1}]", "ANYTHING: .nan", "ITEMS: ~",
        "COUNT: 1:30", "COUNT: 0o10", "RATE: 1:30.5",
    ],
)  # fmt: skip
def test_value_is_refused(write, content):
    names(problems(f"METHOD: {{NAME: leaves, {content}}}"), f"METHOD.{content.split(':')[0]}", "default")


# Hostile files


def test_alias_bomb_is_refused_at_once(write):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    start = time.perf_counter()
    names(problems("\n".join(lines)), "20,000", "aliases")
    assert time.perf_counter() - start < 2


def test_merge_key_bomb_is_refused_at_once(write):
    lines = ["a0: &a0 {X: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12)]
    names(problems("\n".join(lines)), "20,000", "aliases")


def test_honest_aliases_and_merges_work(write):
    config = checked("SOLVER: &s {LR: 0.5}\nMETHOD: {CYCLE: {WEIGHT: &w 3}, POOL: *w}")
    assert (config.SOLVER.LR, config.METHOD.CYCLE.WEIGHT, config.METHOD.POOL) == (0.5, 3.0, 3)
    solvers = {"A": DEFAULTS["SOLVER"], "B": DEFAULTS["SOLVER"]}
    config = checked("A: &a {LR: 0.5, TOTAL: 3}\nB: {<<: *a, LR: 0.2}", defaults=solvers)
    assert (config.B.LR, config.B.TOTAL) == (0.2, 3)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("A: !!python/object/apply:os.system ['touch evil']", ["a.yaml, line 1", "tag"]),
        ("A: !!python/name:os.system", ["tag"]),
        ("A: !!binary aGk=", ["tag"]),
        ("A: 1\nB: [!!int '']", ["a.yaml, line 2", "''", "int", "quote"]),
        ("A: !!bool x", ["a.yaml, line 1", "'x'", "bool", "quote"]),
        ("A: !!float x", ["a.yaml, line 1", "'x'", "float", "quote"]),
        ("A: " + "9" * 5000, ["a.yaml, line 1", "int", "quote"]),
        ("A: !mine 3", ["tag"]),
        ("A: &a [*a]", ["alias", "itself"]),
        ("A: 1\nB: 2\nA: 3", ["a.yaml, line 3", "A", "twice", "line 1"]),
        ("SOLVER: {LR: 1, LR: 2}", ["line 1", "LR", "twice"]),
        ("[A, B]", ["mapping", "['A', 'B']"]),
        ("hello", ["mapping", "KEY: value", "'hello'"]),
        ("? [A, B]\n: 1", ["line 1", "key", "word"]),
        ("A: [1", ["a.yaml, line"]),
        ("A: 1\n---\nB: 2", ["single document"]),
        ("A: *nowhere", ["undefined alias"]),
        ("A:\tB: @", ["a.yaml, line 1"]),
        ("A: " + "[" * 5000, ["nested"]),
        ("A: [" + "1," * 30_000 + "]", ["20,000"]),
    ],
)
def test_hostile_text_is_refused(write, tmp_path, content, told):
    names(problems(content), *told)
    assert not (tmp_path / "evil").exists()


def test_python_file_is_not_run(write, tmp_path):
    with pytest.raises(ConfigError, match=r"a\.py.*\.yaml, \.yml, \.json"):
        load(write("open('evil', 'w')", "a.py"), defaults=DEFAULTS)
    write("open('evil', 'w')", "b.py")
    with pytest.raises(ConfigError, match=r"b\.py.*\.yaml, \.yml, \.json"):
        load(write("_BASE_: b.py"), defaults=DEFAULTS)
    assert not (tmp_path / "evil").exists()


def test_huge_file_is_refused_unread(write):
    start = time.perf_counter()
    names(problems("A: " + "x" * text.MAX_BYTES), "1,000,000")
    assert time.perf_counter() - start < 1
    with pytest.raises(ConfigError, match="1,000,000"):
        loads("A: " + "x" * text.MAX_BYTES, defaults=DEFAULTS)


def test_binary_file_folder_and_absent_file_are_refused(write, tmp_path):
    (tmp_path / "b.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "c.yaml").mkdir()
    (tmp_path / "e.yaml").write_bytes(b"A: \0")
    for name, told in [
        ("b", "UTF-8"),
        ("c", "read"),
        ("d", "No such file"),
        ("e", "special char"),
    ]:
        with pytest.raises(ConfigError, match=rf"{name}\.yaml: .*{told}"):
            load(f"{name}.yaml", defaults=DEFAULTS)


def test_json_is_read(write):
    config = load(write('{"SOLVER": {"LR": 1e-4, "TOTAL": 5}}', "a.json"), defaults=DEFAULTS)
    assert (config.SOLVER.LR, config.SOLVER.TOTAL) == (1e-4, 5)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="AB:[]{}&*!|>-?#,'\"%@\\ \n\t1e.~<=", max_size=40))
def test_any_text_is_read_or_refused_in_words(content):
    try:
        text.parse(content, "a.yaml")
    except ConfigError as error:
        assert str(error).startswith("a.yaml")


# Plugins


PLUGIN = f"from {__name__} import LOSSES\n@LOSSES.register('fresh')\ndef fresh(*, weight: float = 2.0): ..."


@pytest.fixture
def forget():
    yield
    LOSSES._entries.pop("fresh", None)


def test_plugins_of_file_and_caller_are_loaded_before_the_check_and_saved(write, tmp_path, forget):
    (tmp_path / "configs").mkdir()
    write(PLUGIN, "configs/fresh.py")
    write("", "other.py")
    write("{SYSTEM: {PLUGINS: [fresh.py]}, METHOD: {CYCLE: {NAME: fresh}}}", "configs/a.yaml")
    config = load("configs/a.yaml", defaults=DEFAULTS, plugins=["other.py", "json"])
    assert config.SYSTEM.PLUGINS == (str(tmp_path / "configs/fresh.py"), str(tmp_path / "other.py"), "json")
    assert config.METHOD.CYCLE.WEIGHT == 10.0


def test_saved_text_does_not_load_files_unasked(write, tmp_path, forget):
    write(PLUGIN, "fresh.py")
    config = load(write("METHOD: {CYCLE: {NAME: fresh}}"), defaults=DEFAULTS, plugins=["fresh.py", "json"])
    with pytest.raises(ConfigError, match=r"--plugin .*fresh\.py"):
        loads(dump(config), defaults=DEFAULTS, plugins=["json"])
    (tmp_path / "moved").mkdir()
    LOSSES._entries.pop("fresh")
    (tmp_path / "fresh.py").rename(tmp_path / "moved/fresh.py")
    again = loads(dump(config), defaults=DEFAULTS, plugins=["moved/fresh.py", "json"])
    assert again.SYSTEM.PLUGINS == (str(tmp_path / "moved/fresh.py"), "json")


@pytest.mark.parametrize("named", ["antigravity", "os.path", "lib2to3.__main__"])
def test_saved_text_imports_no_module_unasked(write, monkeypatch, named):
    text = f"SYSTEM: {{PLUGINS: [{named}]}}"
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    for others in ([], ["json"], [f"{named}.py"]):
        with pytest.raises(ConfigError, match=rf"module {named}, .*--plugin {named}"):
            loads(text, defaults=DEFAULTS, plugins=others)


def test_saved_text_gives_entries_no_plugin_unasked(write):
    for named in ("antigravity", "[json, antigravity]"):
        text = f"DATASET: {{SOURCE: {{NAME: translated, DEEPER: {{PLUGINS: {named}}}}}}}"
        with pytest.raises(ConfigError, match=r"module antigravity, .*--plugin antigravity"):
            loads(text, defaults=DEFAULTS, plugins=["json"])
    with pytest.raises(ConfigError, match="DATASET is not a key"):  # nothing else is wrong
        loads(text.replace("antigravity", "json.tool"), defaults=DEFAULTS, plugins=["json", "json.tool"])


def test_saved_text_imports_a_module_that_is_named_again_or_is_an_installed_plugin(write, monkeypatch):
    text = "SYSTEM: {PLUGINS: [json]}"
    assert loads(text, defaults=DEFAULTS, plugins=["json"]).SYSTEM.PLUGINS == ("json",)
    point = EntryPoint("mine", "json", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    assert loads(text, defaults=DEFAULTS).SYSTEM.PLUGINS == ("json",)


def test_broken_plugin_stops_the_load(write):
    with pytest.raises(ConfigError, match="plugin 'nowhere_at_all'"):
        load(write("SYSTEM: {PLUGINS: [nowhere_at_all]}"), defaults=DEFAULTS)


# Saving and comparing

_WORDS = st.text(max_size=30) | st.sampled_from(
    ["1e-4", "yes", "null", "~", "1", "1.0", "", "=", "<<", "2024-01-01"]
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_PLAIN = st.none() | st.booleans() | st.integers() | _FLOATS | _WORDS
_LEAVES = st.fixed_dictionaries({
    "NAME": st.just("leaves"),
    "FLAG": st.booleans(),
    "COUNT": st.integers(),
    "RATE": _FLOATS,
    "LIMIT": st.floats(allow_nan=False),
    "WORD": _WORDS,
    "SIZE": st.lists(st.integers(), max_size=3),
    "SPACING": st.lists(_FLOATS, max_size=3),
    "STRIDES": st.lists(st.lists(st.integers(), max_size=2), max_size=2),
    "NUMBERS": st.lists(st.integers() | _FLOATS, max_size=3),
    "WORDS": st.lists(_WORDS, max_size=3),
    "EITHER": st.lists(_WORDS, max_size=3) | st.lists(_FLOATS, max_size=3),
    "ITEMS": st.lists(st.integers(), max_size=3),
    "ANYTHING": _PLAIN | st.lists(_PLAIN, max_size=3),
})  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(_LEAVES)
def test_dumped_tree_is_loaded_equal(tree):
    config = loads(text.write({"METHOD": tree}), defaults=DEFAULTS)
    again = loads(dump(config), defaults=DEFAULTS)
    assert again == config and differences(again, config) == []
    assert {key: repr(value) for key, value in again.METHOD.items()} == {
        key: repr(value) for key, value in config.METHOD.items()
    }
    expected = {key: tuple(value) if isinstance(value, list) else value for key, value in tree.items()}
    assert (config.METHOD.WORD, config.METHOD.WORDS) == (expected["WORD"], expected["WORDS"])


@pytest.mark.parametrize("word", ["\x85", "a\u2028b", "a \u2029 b"])
def test_breaks_that_only_unicode_knows_are_dumped_as_they_are(word):
    config = loads(text.write({"METHOD": {"NAME": "leaves", "WORD": word}}), defaults=DEFAULTS)
    assert config.METHOD.WORD == word


def test_dump_names_the_entry_first_and_loads_from_a_file(write):
    config = checked("{METHOD: {NAME: softgan, GENERATOR: {NAME: unet}}, SOLVER: {LR: 1e-10}}")
    saved = dump(config)
    assert "METHOD:\n  NAME: softgan\n" in saved
    assert load(write(saved, "config.yaml"), defaults=DEFAULTS) == config


def test_differences_tell_both_values(write):
    here = checked("SOLVER: {LR: 0.1}")
    there = checked("{SOLVER: {LR: 0.2}, METHOD: {CYCLE: {NAME: plain}}}")
    assert differences(here, there) == [
        "METHOD.CYCLE.NAME: 'l1' here, 'plain' there",
        "METHOD.CYCLE.WEIGHT: 10.0 here, absent there",
        "SOLVER.LR: 0.1 here, 0.2 there",
        "METHOD.CYCLE.POWER: absent here, 2 there",
    ]
    assert differences(here, here) == []
