"""What the updates of a method promise: each trains what it names, and together they train everything."""

from __future__ import annotations

from nucleizoo.checks.check import expect
from nucleizoo.checks.steps import Steps
from nucleizoo.core.format import listed


def moves_only_what_it_names(steps: Steps) -> None:
    """An update moves the parameters of the group that it names, and no other to the bit."""
    seen = steps.seen()
    gathered: dict[str, set[str]] = {group: set() for group in seen.groups}  # for an update that steps
    stepped = set[str]()
    for one in seen.applied:
        beyond = one.wanted - seen.groups[one.group]
        expect(not beyond, f"{one.told} has {listed(sorted(beyond))} of another group in its 'only'")
        gathered[one.group] |= one.wanted
        strange = one.moved - (gathered[one.group] if one.step else set())
        expect(
            not strange,
            f"with {one.told} moved {listed(sorted(strange))}, for which it asks no gradient; leave weights "
            "to the optimisers of their groups",
        )
        if one.step:
            expect(one.moved, f"{one.told} moved nothing; its losses do not depend on that group")
            gathered[one.group] = set()
            stepped.add(one.group)
        left = (one.left - set().union(*gathered.values())) | one.spared
        expect(
            not left,
            f"{one.told} gave gradient to {listed(sorted(left))}, for which it does not ask; leave backward "
            "to the trainer",
        )
    expect(
        not seen.outside,
        f"{listed(sorted(seen.outside))} moved while no update was applied; leave weights to the optimisers "
        "of their groups",
    )
    for group in seen.groups:
        expect(group in stepped, f"no update steps the group '{group}'; yield one, or merge the group")
        waiting = listed(sorted(gathered[group]))
        expect(not waiting, f"step=False gathered gradient for {waiting} that no update of '{group}' uses")


def reaches_every_parameter(steps: Steps) -> None:
    """Every parameter gets a gradient."""
    seen = steps.seen()
    every = [name for name, _ in seen.method.named_parameters()]
    unreached = [name for name in every if name not in seen.gradients]
    expect(
        not unreached,
        f"no gradient reaches {listed(unreached)} in two steps; use it in a loss of its group, or remove it",
    )
    flat = [name for name in every if not seen.gradients[name]]
    expect(
        not flat,
        f"the gradient of {listed(flat)} is 0 everywhere in two steps; look for a factor of 0, a clamp, or a "
        "rounding between it and the losses",
    )
