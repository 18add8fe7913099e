"""Which checks an entry has to pass, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from nucleizoo.checks import (
    augments,
    blendings,
    blocks,
    datasets,
    decoders,
    description,
    hooks,
    importers,
    losses,
    methods,
    networks,
    ranks,
    resume,
    scalings,
    solvers,
    steps,
    targets,
    updates,
)
from nucleizoo.checks.check import Check, Result
from nucleizoo.checks.entry import Entry

Promise = Callable[..., None]

DIMS = (2, 3)

METHOD: Sequence[Promise] = (
    methods.is_built_from_its_defaults,
    methods.has_every_parameter_in_one_group,
    steps.takes_two_steps,
    updates.moves_only_what_it_names,
    updates.reaches_every_parameter,
    methods.predicts_maps,
    methods.does_what_its_protocols_say,
    methods.draws_for_the_log,
    resume.predicts_from_saved_weights,
    resume.resumes_exactly,
    blocks.predicts_alike_by_blocks,
)
"""Of a method and its steps."""

DATASET: Sequence[Promise] = (
    datasets.opens,
    datasets.draws_from_its_generator_alone,
    datasets.gives_what_it_says,
    datasets.gives_no_more_than_asked,
    datasets.draws_the_same_elsewhere,
)
"""Of a dataset that is opened."""

IN_DIMENSIONS: dict[str, Sequence[Promise]] = {
    "TARGETS": (
        targets.encodes_into_its_ranges, targets.goes_to_pictures_and_back, targets.is_sure_of_true_maps,
    ),
    "DECODERS": (decoders.finds_the_nuclei_of_true_maps, blocks.decodes_alike_by_blocks),
    "AUGMENTS": (augments.cuts_to_size_and_moves_labels_along, augments.draws_from_its_generator_alone),
    "BLENDINGS": (blendings.weighs_every_voxel,),
}  # fmt: skip
"""Kind -> of a recipe and the number of dimensions."""

PLAIN: dict[str, Sequence[Promise]] = {
    "LOSSES": (losses.falls_towards_the_truth,),
    "GAN_LOSSES": (losses.falls_towards_the_verdict,),
    "MAP_LOSSES": (losses.falls_towards_the_true_maps,),
    "OPTIMISERS": (solvers.descends_at_the_rate_it_is_told, solvers.is_restored_exactly),
    "SCHEDULES": (solvers.gives_a_rate_at_any_time,),
    "HOOKS": (hooks.leaves_the_training_alone, hooks.is_resumed_exactly),
    "IMPORTERS": (importers.gives_every_module_a_place,),
}
"""Kind -> of a recipe."""


def checklist(entry: Entry) -> list[Check]:
    """All checks of an entry, in the order in which its author wants to know."""
    return [Check(description.is_described, (entry,)), *_of_kind(entry)]


def _of_kind(entry: Entry) -> Iterator[Check]:
    kind, recipe = entry.kind, entry.recipe
    for promise in PLAIN.get(kind, ()):
        yield Check(promise, (recipe,))
    if kind == "SCALINGS":
        for over, dtype in product(("volume", "image"), ("uint8", "uint16", "float32")):
            yield Check(scalings.fills_zero_to_one_in_order, (recipe, over, dtype), f"{dtype} over {over}")
    for dims in DIMS:
        for promise in IN_DIMENSIONS.get(kind, ()):
            yield Check(promise, (recipe, dims), f"{dims}D")
        if kind == "METHODS" and dims in entry.registry.get(entry.name).dims:
            tried = steps.Steps(entry, dims)
            yield from (Check(promise, (tried,), f"{dims}D") for promise in METHOD)
            if dims == DIMS[0]:  # what processes exchange is the same in 3D
                yield Check(ranks.trains_in_two_processes, (tried,), f"{dims}D")
        if kind == "DATASETS":
            opened = datasets.Opened(entry, dims)
            yield from (Check(promise, (opened,), f"{dims}D") for promise in DATASET)
        if kind in ("GENERATORS", "DISCRIMINATORS"):
            for role in networks.roles_of(entry.registry, entry.name):
                yield Check(networks.serves_and_learns, (recipe, dims, role), f"{role}, {dims}D")


def check(word: str, plugins: Sequence[str] = (), overrides: Sequence[str] = ()) -> Iterator[Result]:
    """Try everything that an entry promises; yields each result as soon as it is known.

    Args:
        word: KIND.NAME, or NAME where only one kind has it.
        plugins: files, folders or modules that register entries.
        overrides: KEY VALUE pairs of the entry, in place of its defaults.

    Raises:
        ConfigError: when there is no such entry, or a key is none of its settings.
    """
    for one in checklist(Entry.named(word, tuple(plugins), tuple(overrides))):
        yield one.result()
