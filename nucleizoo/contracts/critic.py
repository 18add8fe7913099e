"""What a critic judges: its entry says it, and a slot asks for it."""

from __future__ import annotations

from nucleizoo.core.registry import Recipe


def check_critic(slot: str, recipe: Recipe, *, judges: str = "pictures") -> None:
    """Refuse a critic that has no use for what its slot shows it.

    An entry says what it judges in its attribute `judges`. 'pictures' is called with pictures alone, and
    is what an entry without the attribute does; 'domains' is called with pictures and the domains that
    they are said to be of; 'distributions' is called with what its own `profile` makes of pictures.
    One that small pictures leave no score says in `smallest` how long their sides are at least.

    Args:
        slot: the slot's key, for the message.
        recipe: what the configuration put there.
        judges: what the slot asks for.

    Raises:
        ValueError: when it judges something else.
    """
    all_do = {
        name: getattr(recipe.registry.get(name), "judges", "pictures") for name in recipe.registry.names()
    }
    if (does := all_do[recipe.name]) != judges:
        fitting = " or ".join(f"'{name}'" for name, what in all_do.items() if what == judges)
        raise ValueError(f"{slot} '{recipe.name}' judges {does}, where {judges} are shown; take {fitting}")
