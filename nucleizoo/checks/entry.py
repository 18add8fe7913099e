"""The entry that is checked, as a command names it."""

from __future__ import annotations

from dataclasses import dataclass

from nucleizoo.core import config as configuration
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.format import either
from nucleizoo.core.plugins import load_plugins, located
from nucleizoo.core.registry import Recipe, Registry, nearest
from nucleizoo.kinds import KINDS


@dataclass(frozen=True)
class Entry:
    """An entry with settings; other processes can build it too.

    Attributes:
        kind: key of `KINDS`.
        name: in its registry.
        plugins: that must be loaded before.
        pairs: KEY VALUE pairs in place of defaults.
    """

    kind: str
    name: str
    plugins: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    @classmethod
    def named(cls, word: str, plugins: tuple[str, ...] = (), pairs: tuple[str, ...] = ()) -> Entry:
        """The entry that is called KIND.NAME, or NAME alone where only one kind has it.

        Raises:
            ConfigError: when there is none, or several; and for pairs that are none of its settings.
        """
        load_plugins(plugins)
        plugins = tuple(map(located, plugins))  # other processes may start elsewhere
        kind, _, name = word.rpartition(".")
        if not kind:
            kinds = [one for one, registry in KINDS.items() if name in registry]
            if len(kinds) > 1:
                raise ConfigError(
                    f"{' and '.join(kinds)} have an entry '{name}'; say "
                    f"{either([f'{one}.{name}' for one in kinds])}"
                )
            if not kinds:
                near = nearest(name, [one for registry in KINDS.values() for one in registry.names()])
                raise ConfigError(
                    f"no entry is called '{name}'{f'; did you mean {near}?' if near else '.'} "
                    "A file that registers it is given with --plugin; nucleizoo list shows all"
                )
            kind = kinds[0]
        if kind.upper() not in KINDS:
            raise ConfigError(f"there is no kind '{kind}'; kinds are {', '.join(KINDS)}")
        made = cls(kind.upper(), name, plugins, pairs)
        _ = made.recipe
        return made

    @property
    def registry(self) -> Registry:
        """Of its kind."""
        return KINDS[self.kind]

    @property
    def recipe(self) -> Recipe:
        """Its recipe, with the settings of `pairs`; loads the plugins.

        Raises:
            ConfigError: when there is no such entry, or pairs are none of its settings.
        """
        load_plugins(self.plugins)
        self.registry.get(self.name)
        if not self.pairs:
            return self.registry.recipe(self.name)
        own = f"{self.kind}."
        pairs = [word if i % 2 else own + word.removeprefix(own) for i, word in enumerate(self.pairs)]
        slot = {self.kind: self.registry.recipe(self.name)}
        made = configuration.loads("", defaults=slot, overrides=pairs, name=f"{self.kind}.{self.name}")
        return configuration.recipe_of(made[self.kind], self.registry)
