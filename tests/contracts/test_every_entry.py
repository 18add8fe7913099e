"""Every registered entry keeps the promise of its kind: a new one is tested here unasked."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.networks import called, ways
from support.toy_methods import settings

from nucleizoo import (
    AUGMENTS,
    DECODERS,
    DISCRIMINATORS,
    GAN_LOSSES,
    GENERATORS,
    IMPORTERS,
    LOSSES,
    MAP_LOSSES,
    METHODS,
    SCALINGS,
    TARGETS,
    Clock,
    ContentCoder,
    Interpolator,
    Sample,
    Task,
    Translator,
)
from nucleizoo.catalogue import describe
from nucleizoo.core.plugins import load_plugins
from nucleizoo.core.registry import Recipe, schema
from nucleizoo.kinds import KINDS
from nucleizoo.training.trainer import Trainer

load_plugins()

SMALL = {"width": 4, "blocks": 1}
"""Every network calls its channel count `width` and its depth `blocks`; so tests can shrink it."""
SIZES = {2: (32, 32), 3: (8, 32, 32)}
ENTRIES = [(kind, name) for kind, registry in KINDS.items() for name in registry.names()]


def tiny(registry, name):
    """A recipe with every network in it made small."""
    settings = {}
    for setting in registry.schema(name).values():
        if setting.name in SMALL:
            settings[setting.name] = SMALL[setting.name]
            if registry is GENERATORS and setting.name == "blocks":
                settings["blocks"] = 2  # a U-Net of one stage attends to every voxel: 30 s a volume
        elif setting.name == "pool":
            settings["pool"] = 2
        elif isinstance(setting.default, Recipe) and setting.default.name:
            part = setting.default
            inner = tiny(part.registry, part.name)
            settings[setting.name] = Recipe(part.registry, part.name, {**part.settings, **inner.settings})
    return Recipe(registry, name, settings)


def a_task(dims, target="mask", pictures=False):
    made = TARGETS.recipe(target)()
    return Task(1, len(made.channels), dims, made, source_pictures=pictures)


def a_batch(task, dims, size=2):
    g = torch.Generator().manual_seed(0)
    labels = nuclei(dims)
    maps = torch.from_numpy(np.stack([task.target.encode(labels)] * size))
    image = torch.rand(size, task.channels, *SIZES[dims], generator=g) * 2 - 1
    source = task.target.as_image(maps)
    return {"image": image, "image_clean": image, "source": source, "source_clean": source, "maps": maps}


def nuclei(dims):
    """Two touching boxes of different labels."""
    labels = np.zeros(SIZES[dims], np.int32)
    labels[..., 8:20, 4:14] = 1
    labels[..., 8:20, 14:26] = 2
    return labels


@pytest.mark.parametrize("name", TARGETS.names())
@pytest.mark.parametrize("dims", [2, 3])
def test_perfect_maps_are_sure_of_all_that_is_nucleus_and_of_nothing_else(name, dims):
    target, labels = TARGETS.recipe(name)(), nuclei(dims)
    np.testing.assert_array_equal(target.likelihood(target.encode(labels)), labels > 0)


@pytest.fixture(params=[(name, dims) for name in METHODS.names() for dims in (2, 3)], ids=str)
def method_and_batch(request):
    name, dims = request.param
    torch.manual_seed(0)
    task = a_task(dims, pictures="maps" in METHODS.get(name).needs)
    return tiny(METHODS, name)(task), a_batch(task, dims)


def test_groups_hold_every_parameter_once(method_and_batch):
    method, _ = method_and_batch
    owned = [id(p) for group in method.groups().values() for p in group.parameters]
    assert sorted(owned) == sorted(id(p) for p in method.parameters())


def values(method):
    """A copy of every parameter, by name."""
    return {name: p.detach().clone() for name, p in method.named_parameters()}


def holding(method):
    """Names of the parameters that have gradient which no step has used yet."""
    return {name for name, p in method.named_parameters() if p.grad is not None and p.grad.any()}


def gradient(parameters):
    return [None if p.grad is None else p.grad.clone() for p in parameters]


def each_update(method, batch, steps=2):
    """Let the real trainer step; gives (update, parameters before it was applied, after, gradient left).

    Where an update has `only`, the gradient of the others must be what it was when the weights move.
    """
    applied, plain, others = [], method.train_step, {}

    def check_others(optimiser, *_):
        for p, before in others.items():
            assert (before is None) == (p.grad is None) and (before is None or torch.equal(before, p.grad)), (
                "an update gave gradient to a parameter that is not in its 'only'"
            )

    def watched(batch, clock):
        for update in plain(batch, clock):
            if update.only is not None:  # the trainer may go through it once
                update = replace(update, only=list(update.only))
                spared = [
                    p
                    for p in method.groups()[update.group].parameters
                    if all(p is not q for q in update.only)
                ]
                others.update(zip(spared, gradient(spared), strict=True))
            before = values(method)
            yield update
            others.clear()
            # what is behind a yield runs once the update is applied
            applied.append((update, before, values(method), holding(method)))

    method.train_step = watched
    needed = {key: batch[key] for key in method.needs}
    trainer = Trainer(method, settings(LR=1e-3, TOTAL=steps))
    for optimiser in trainer.optimisers.values():
        optimiser.register_step_pre_hook(check_others)
    trainer.train([needed] * steps)
    return applied


def test_an_update_moves_the_group_it_names_and_nothing_else_to_the_bit(method_and_batch):
    method, batch = method_and_batch
    groups = method.groups()
    names = {id(p): name for name, p in method.named_parameters()}
    gathered = {group: set() for group in groups}  # what updates that do not step leave for one that does
    stepped = set()
    for update, before, after, left in each_update(method, batch):
        told = sorted(update.losses)
        assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in update.losses.values())
        group = {names[id(p)] for p in groups[update.group].parameters}
        wanted = group if update.only is None else {names[id(p)] for p in update.only}
        assert wanted and wanted <= group, f"{told}: 'only' goes beyond the group '{update.group}'"
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        gathered[update.group] |= wanted
        may_move = gathered[update.group] if update.step else set()
        assert moved <= may_move, f"{told} moved {sorted(moved - may_move)}"
        if update.step:
            assert moved, f"{told} moved nothing"
            gathered[update.group] = set()
            stepped.add(update.group)
        strangers = left - set().union(*gathered.values())
        assert not strangers, f"{told} left gradient in {sorted(strangers)}"
    assert stepped == set(groups)
    assert not any(gathered.values()), "gradient was gathered that no step has used"


def test_forward_gives_maps_in_the_targets_ranges(method_and_batch):
    method, batch = method_and_batch
    with torch.no_grad():
        maps = method.eval()(batch["image"])
    assert maps.shape == batch["maps"].shape
    for index, channel in enumerate(method.task.target.channels):
        low = 0 if channel.activation == "sigmoid" else -1
        assert maps[:, index].min() >= low and maps[:, index].max() <= 1


def test_a_method_does_what_its_protocols_say(method_and_batch):
    method, batch = method_and_batch
    method.eval()
    image, source = batch["image"], batch["source"]
    with torch.no_grad():
        if isinstance(method, Translator):
            assert method.to_source(image).shape == source.shape
            assert method.to_image(source).shape == image.shape
        if isinstance(method, ContentCoder):
            codes = [method.encode(batch[domain], domain) for domain in ("image", "source")]
            assert codes[0].shape == codes[1].shape and all(torch.isfinite(code).all() for code in codes)
        if isinstance(method, Interpolator):
            made = method.between(image, 0.5)
            assert made.shape == image.shape and made.abs().max() <= 1


def test_state_travels_to_a_fresh_method_and_loads_safely(method_and_batch, tmp_path):
    method, batch = method_and_batch
    for update in method.train_step({k: batch[k] for k in method.needs}, Clock(0, 10)):
        del update
    torch.save(method.state_dict(), tmp_path / "m.pt")
    other = copy.deepcopy(method)
    for p in other.parameters():
        p.data.zero_()
    other.load_state_dict(torch.load(tmp_path / "m.pt", weights_only=True))
    with torch.no_grad():
        assert torch.equal(other.eval()(batch["image"]), method.eval()(batch["image"]))


def test_snapshot_gives_pictures_of_one_size(method_and_batch):
    method, batch = method_and_batch
    pictures = method.snapshot(batch)
    assert {p.shape[2:] for p in pictures.values()} == {batch["image"].shape[2:]}
    assert not any(p.requires_grad for p in pictures.values())


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", TARGETS.names())
def test_a_target_encodes_into_its_ranges_and_pictures_go_back(name, dims):
    target = TARGETS.recipe(name)()
    maps = target.encode(nuclei(dims))
    assert maps.shape == (len(target.channels), *SIZES[dims]) and maps.dtype == np.float32
    for one, channel in zip(maps, target.channels, strict=True):
        assert one.min() >= (0 if channel.activation == "sigmoid" else -1) and one.max() <= 1
    batch = torch.from_numpy(maps)[None]
    picture = target.as_image(batch)
    assert picture.abs().max() <= 1
    torch.testing.assert_close(target.from_image(picture), batch)
    assert target.activate(batch).shape == batch.shape


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", DECODERS.names())
def test_a_decoder_labels_nothing_as_nothing_and_two_boxes_as_nuclei(name, dims):
    decoder = DECODERS.recipe(name)()
    targets = [t for t in TARGETS.names() if decoder.reads <= set(TARGETS.recipe(t)().names)]
    assert targets, f"no target gives {set(decoder.reads)}"
    target = TARGETS.recipe(targets[0])()
    labels = nuclei(dims)
    apart = labels.copy()
    apart[..., 12:16] = 0
    for truth, wanted in ((labels * 0, 0), (apart, 2)):
        found = decoder(dict(zip(target.names, target.encode(truth), strict=True)))
        assert found.dtype == np.int32 and found.shape == truth.shape
        assert found.max() == wanted == len(np.unique(found)) - 1


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", AUGMENTS.names())
def test_an_augment_cuts_to_size_and_moves_labels_along(name, dims):
    augment = AUGMENTS.recipe(name)()
    size = SIZES[dims]
    reach = augment.reach(size)
    labels = np.zeros(reach, np.int32)
    labels[..., : reach[-1] // 2] = 7
    image = (labels[None] > 0).astype(np.float32) * 2 - 1
    for seed in range(5):
        made = augment(Sample(image, labels, image.copy()), np.random.default_rng(seed), size)
        assert made.image.shape == made.clean.shape == (1, *size) and made.labels.shape == size
        assert set(np.unique(made.labels)) <= {0, 7}
        agree = (made.clean[0] > 0) == (made.labels == 7)
        assert agree.mean() > 0.95


@pytest.mark.parametrize("over", ["volume", "image"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("name", SCALINGS.names())
def test_a_scaling_fills_zero_to_one_and_keeps_the_order_of_intensities(name, dtype, over):
    full = 1 if dtype is np.float32 else np.iinfo(dtype).max
    raw = (np.random.default_rng(0).random((3, 40, 50)) * full).astype(dtype)
    raw[:, 0, 0], raw[:, 0, 1] = 0, full
    scaling = SCALINGS.recipe(name, over=over)()
    scaled = scaling(raw)
    assert scaled.dtype == np.float32 and scaled.shape == raw.shape
    assert scaled.min() == 0 and scaled.max() == 1
    curved = scaling.curve(scaled)
    assert curved.shape == scaled.shape and curved.min() >= 0 and curved.max() <= 1
    for given, made in [*zip(raw, scaled, strict=True), (scaled, curved)]:  # of one range: a plane, or all
        assert (np.diff(made.ravel()[np.argsort(given, axis=None)]) >= 0).all()
        assert len(np.unique(made)) > len(np.unique(given)) / 2
    inverted = SCALINGS.recipe(name, over=over, invert=True)()(raw)
    np.testing.assert_allclose(inverted, 1 - scaled, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES.names())
def test_a_loss_falls_as_what_was_made_nears_the_truth_and_grows_with_its_weight(name):
    """Order alone is asked for: what a loss is at its best, be it 0 or below, is its own business."""
    g = torch.Generator().manual_seed(0)
    truth = (torch.rand(2, 1, 8, 8, generator=g) > 0.5).float()
    made = {share: (truth + share * (0.5 - truth)).requires_grad_() for share in (0.0, 0.25, 0.5, 1.0)}
    one, three, off = (LOSSES.recipe(name, weight=weight)() for weight in (1.0, 3.0, 0.0))
    losses = [one(guess, truth).detach() for guess in made.values()]
    assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in losses)
    assert losses == sorted(losses, key=float) and len(set(map(float, losses))) == len(losses)
    torch.testing.assert_close(three(made[0.5], truth), 3 * one(made[0.5], truth))
    assert off(made[0.5], truth) == 0
    (slope,) = torch.autograd.grad(one(made[0.5], truth), made[0.5])
    assert torch.isfinite(slope).all()
    assert ((slope * (truth - 0.5)) < 0).all(), "a step against the gradient leads away from the truth"


@pytest.mark.parametrize("name", GAN_LOSSES.names())
def test_an_adversarial_loss_falls_as_scores_near_the_verdict(name):
    one, three = GAN_LOSSES.recipe(name)(), GAN_LOSSES.recipe(name, weight=3.0)()
    low, high = torch.full((2, 1, 4, 4), 0.1), torch.full((2, 1, 4, 4), 0.9)
    assert one(high, True) < one(low, True) and one(low, False) < one(high, False)
    assert all(torch.isfinite(one(scores, real)) for scores in (low, high) for real in (True, False))
    torch.testing.assert_close(three(low, True), 3 * one(low, True))


@pytest.mark.parametrize("name", MAP_LOSSES.names())
def test_a_segmentation_loss_falls_as_logits_near_the_truth_and_grows_with_its_weight(name):
    target = TARGETS.recipe("mask")()
    truth = torch.from_numpy(target.encode(nuclei(2)))[None]
    one, three = MAP_LOSSES.recipe(name)(), MAP_LOSSES.recipe(name, weight=3.0)()
    good, bad = 4 * (2 * truth - 1), torch.zeros_like(truth)
    assert one(good, truth, target) < one(good / 4, truth, target) < one(bad, truth, target)
    assert one(bad, truth, target) < one(-good, truth, target)
    torch.testing.assert_close(three(bad, truth, target), 3 * one(bad, truth, target))


def room(net, dims):
    """A picture that even a critic with a wide view has a score for."""
    return tuple(max(n, getattr(net, "smallest", 1)) for n in SIZES[dims])


def shaken(net):
    """The network off its first weights, where some layers are told to add nothing yet."""
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=g))
    return net


def assert_learns(net, picture, made):
    """A loss that asks something else of every place reaches all parameters, and the picture."""
    assert torch.isfinite(made).all()
    g = torch.Generator().manual_seed(1)
    (made * torch.randn(made.shape, generator=g)).sum().backward()
    assert picture.grad is not None and torch.isfinite(picture.grad).all() and picture.grad.any()
    for name, p in net.named_parameters():
        assert p.grad is not None, f"no gradient reaches '{name}'"
        assert torch.isfinite(p.grad).all(), f"the gradient of '{name}' is not finite"
        assert p.grad.any(), f"the gradient of '{name}' is 0"


def pictures(channels, size, count=2):
    g = torch.Generator().manual_seed(2)
    return (torch.rand(count, channels, *size, generator=g) * 2 - 1).requires_grad_()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("name", "role"), ways(GENERATORS))
def test_a_generator_does_what_its_role_says_and_all_of_it_learns(name, role, dims):
    torch.manual_seed(0)
    net = shaken(tiny(GENERATORS, name)(2, 3, dims))
    picture = pictures(2, room(net, dims))
    made = called(net, role, picture)
    assert made.shape == (2, 3, *picture.shape[2:])
    assert_learns(net, picture, made)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("name", "role"), ways(DISCRIMINATORS))
def test_a_critic_scores_what_it_says_it_judges_and_all_of_it_learns(name, role, dims):
    torch.manual_seed(0)
    net = shaken(tiny(DISCRIMINATORS, name)(2, dims))
    picture = pictures(2, room(net, dims))
    scores = called(net, role, picture)
    if role == "distribution critic":
        assert scores.shape == (1, 1)
    else:
        assert scores.shape[:2] == (2, 1) and scores.ndim == dims + 2 and min(scores.shape) > 0
    assert_learns(net, picture, scores)


@pytest.mark.parametrize(("kind", "name"), ENTRIES, ids=lambda v: v)
def test_an_entry_says_what_it_is_and_describes_every_key(kind, name):
    text = describe(f"{kind}.{name}")
    entry = KINDS[kind].get(name)
    assert (entry.__doc__ or "").strip(), "no docstring"
    for setting in schema(entry).values():
        owner = setting.owner.__doc__ or ""
        assert f"{setting.name}:" in owner, f"{setting.owner.__name__} does not describe '{setting.name}'"
        assert setting.name.upper() in text


def test_a_slot_says_of_which_kind_it_is_with_the_right_article():
    text = describe("METHODS.adgan")
    assert "(an adversarial loss)" in text and "(a loss)" in text and "(a adv" not in text


@pytest.mark.parametrize("name", IMPORTERS.names())
def test_an_importer_names_its_program_and_gives_every_module_a_place_of_its_own(name):
    importer = IMPORTERS.recipe(name)()
    assert importer.program and importer.modules
    assert len(set(importer.modules.values())) == len(importer.modules)
