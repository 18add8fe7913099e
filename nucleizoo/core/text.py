"""YAML text to a plain tree and back; text is untrusted: it runs no code, and its size is limited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nucleizoo.core.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
"""Keys and values in one text, aliases counted as often as they are used."""

SUFFIXES = (".yaml", ".yml", ".json")

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {_PREFIX + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
_NUMBERS = {
    _PREFIX + "int": re.compile(r"^[-+]?(\d[\d_]*|0x[\da-fA-F]+|0b[01]+)$"),
    _PREFIX + "float": re.compile(
        r"^([-+]?(\d[\d_]*\.[\d_]*([eE][-+]\d+)?|\.\d[\d_]*([eE][-+]\d+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN))$"
    ),
}
"""Numbers as YAML 1.2 reads them; in YAML 1.1, which PyYAML speaks, `010` is 8 and `1:30` is 90."""
_UNREAD = "!unread"


class Unread(str):
    """Text whose type is decided later: a command line's value, or `1e-4` in YAML 1.1."""

    def read(self) -> Any:
        """The value of the text where no text is expected.

        Raises:
            ConfigError: when it is not YAML.
        """
        return float(self) if _EXPONENT.fullmatch(self) else parse(self, f"'{self}'")


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _PLAIN - _NUMBERS.keys()]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    composed = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.composed += 1
        if self.composed > MAX_NODES:
            mark = parent.start_mark if parent else None
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES:,} values", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError) as error:  # int('') and the like
            kind = node.tag.removeprefix(_PREFIX)
            problem = f"{brief(node.value)} is no value of the type {kind}; correct it, or quote it as text"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _unread(loader: _Loader, node: yaml.ScalarNode) -> Any:
    # YAML 1.1 reads 1.0e-4 as a number, but 1e-4 and 1.0e4 as text.
    return Unread(loader.construct_scalar(node))


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    digits = str(loader.construct_scalar(node)).replace("_", "")
    return int(digits, {"0x": 16, "0b": 2}.get(digits.lstrip("+-")[:2], 10))


_Loader.add_constructor(_UNREAD, _unread)
_Loader.add_constructor(_PREFIX + "int", _whole_number)
for _side in (_Loader, _Dumper):
    for _tag, _pattern in _NUMBERS.items():
        _side.add_implicit_resolver(_tag, _pattern, list("-+.0123456789"))
    # Tried after YAML's own patterns; on the writing side it makes the dumper quote such text.
    _side.add_implicit_resolver(_UNREAD, re.compile(f"^(?:{_EXPONENT.pattern})$"), list("-+.0123456789"))
# the emitter folds these breaks into blanks unless they are escaped
_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    _PREFIX + "str", text, style='"' if re.search("[\x85\u2028\u2029]", text) else None
))  # fmt: skip
_Dumper.add_representer(list, lambda dumper, items: dumper.represent_sequence(_PREFIX + "seq", items, True))


def read(path: Path, shown: str = "") -> dict[str, Any]:
    """The mapping in one configuration file.

    Args:
        path: a file whose suffix is .yaml, .yml or .json.
        shown: what messages call the file; '' for its path.

    Raises:
        ConfigError: when it is missing, too large, no UTF-8 text, no YAML or no mapping.
    """
    shown = shown or str(path)
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{shown}: a configuration file must end in {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{shown}: larger than {MAX_BYTES:,} bytes, too large for a configuration")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: not UTF-8 text (byte {error.start})") from error
    return parse_mapping(text, shown)


def parse_mapping(text: str, shown: str) -> dict[str, Any]:
    """The mapping that a text holds; an empty text is an empty mapping.

    Raises:
        ConfigError: as `parse`, and when the top level is anything but a mapping.
    """
    tree = parse(text, shown)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{shown}: the top level must be a mapping (KEY: value), not {brief(tree)}")
    return tree


def parse(text: str, shown: str) -> Any:
    """The value of a YAML text: dict with text keys, list, bool, int, float, None, str or `Unread`.

    Raises:
        ConfigError: when it is not YAML, too large, recursive, repeats a key or uses other tags.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{shown}: larger than {MAX_BYTES:,} characters, too large for a configuration")
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return None
        _inspect(root, shown, {})
        return loader.construct_document(root)
    except RecursionError as error:
        raise ConfigError(f"{shown}: nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(filter(None, (error.context, error.problem)))
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{shown}{where}: {said}") from error
    except (yaml.YAMLError, ValueError, LookupError) as error:
        raise ConfigError(f"{shown}: not valid YAML: {str(error).splitlines()[0]}") from error
    finally:
        if loader is not None:
            loader.dispose()


def write(tree: Mapping[str, Any]) -> str:
    """A plain tree as YAML, keys in their order, tuples as lists."""
    text: str = yaml.dump(_listed(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def brief(value: Any) -> str:
    """A value as messages show it: on one line, shortened."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, str):
        value = str(value)
    shown = repr(_listed(value))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _inspect(node: yaml.Node, shown: str, seen: dict[int, int]) -> int:
    """Size of a node with its aliases expanded, computed without expanding them."""
    line = node.start_mark.line + 1
    if node.tag not in _PLAIN and node.tag != _UNREAD:
        raise ConfigError(f"{shown}, line {line}: the tag {node.tag} is not allowed; write plain values")
    if id(node) in seen:
        if not seen[id(node)]:
            raise ConfigError(f"{shown}, line {line}: an alias contains itself")
        return seen[id(node)]
    seen[id(node)] = 0
    if isinstance(node, yaml.MappingNode):
        _name_keys(node, shown)
        children = [child for pair in node.value for child in pair]
    else:
        children = node.value if isinstance(node, yaml.SequenceNode) else []
    size = 1 + sum(_inspect(child, shown, seen) for child in children)
    if size > MAX_NODES:
        raise ConfigError(f"{shown}, line {line}: more than {MAX_NODES:,} values, aliases expanded")
    seen[id(node)] = size
    return size


def _name_keys(node: yaml.MappingNode, shown: str) -> None:
    """Treat every key as text, as written (`NO` is a key, not False); refuse duplicates."""
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{shown}, line {line}: a key must be a word")
        if key.value in first:
            raise ConfigError(
                f"{shown}, line {line}: {key.value} is given twice (first on line {first[key.value]})"
            )
        first[key.value] = line
        if key.tag in _PLAIN - {_PREFIX + "merge"} or key.tag == _UNREAD:
            key.tag = _PREFIX + "str"


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, (list, tuple)) else value
