"""Every registered entry passes what `nucleizoo check` tries: a new one is tested here unasked."""

import pytest

from nucleizoo.catalogue import describe
from nucleizoo.checks import Entry, NotApplicableError, checklist
from nucleizoo.checks.networks import CALLS
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DISCRIMINATORS, GENERATORS, KINDS

load_plugins()

CHECKS = {
    f"{kind}.{name}: {check.title}": check
    for kind, registry in KINDS.items()
    for name in registry.names()
    for check in checklist(Entry(kind, name))
}


@pytest.mark.parametrize("title", CHECKS)
def test_an_entry_keeps_its_promise(title):
    try:
        CHECKS[title]()
    except NotApplicableError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("registry", [GENERATORS, DISCRIMINATORS], ids=lambda registry: registry.kind)
def test_it_is_known_how_the_networks_of_the_shelf_are_called(registry):
    assert {role for name in registry.names() for role in registry.serves(name)} <= set(CALLS)


def test_a_slot_says_of_which_kind_it_is_with_the_right_article():
    text = describe("METHODS.adgan")
    assert "(an adversarial loss)" in text and "(a loss)" in text and "(a adv" not in text
