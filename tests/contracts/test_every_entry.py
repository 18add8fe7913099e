"""Every registered entry keeps the promise of its kind: a new one is tested here unasked."""

import copy

import numpy as np
import pytest
import torch

from nucleizoo import (
    AUGMENTS,
    DECODERS,
    DISCRIMINATORS,
    GAN_LOSSES,
    GENERATORS,
    LOSSES,
    MAP_LOSSES,
    METHODS,
    SCALINGS,
    TARGETS,
    Clock,
    Method,
    Sample,
    Task,
)
from nucleizoo.catalogue import describe
from nucleizoo.core.errors import UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.core.registry import Recipe, schema
from nucleizoo.kinds import KINDS

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


def test_a_step_moves_only_the_group_it_names_and_every_group(method_and_batch):
    method, batch = method_and_batch
    groups = method.groups()
    moved = set()
    for update in method.train_step({k: batch[k] for k in method.needs}, Clock(0, 10)):
        assert torch.is_grad_enabled()
        assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in update.losses.values())
        wanted = list(groups[update.group].parameters if update.only is None else update.only)
        assert {id(p) for p in wanted} <= {id(p) for p in groups[update.group].parameters}
        total = torch.stack(list(update.losses.values())).sum()
        total.backward(inputs=wanted, retain_graph=update.keep_graph)
        moved.add(update.group)
    assert moved == set(groups)
    for group in groups.values():
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in group.parameters)


def test_forward_gives_maps_in_the_targets_ranges(method_and_batch):
    method, batch = method_and_batch
    with torch.no_grad():
        maps = method.eval()(batch["image"])
    assert maps.shape == batch["maps"].shape
    for index, channel in enumerate(method.task.target.channels):
        low = 0 if channel.activation == "sigmoid" else -1
        assert maps[:, index].min() >= low and maps[:, index].max() <= 1


def test_content_is_decoded_to_pictures_or_refused_with_a_mend(method_and_batch):
    method, batch = method_and_batch
    method.eval()
    if type(method).encode is Method.encode:
        for refused in (method.encode, method.decode):
            with pytest.raises(UserError, match="take a run of a method"):
                refused(batch["image"], 0.5)
        return
    with torch.no_grad():
        made = method.decode(method.encode(batch["image"], 0.0), 0.5)
    assert made.shape == batch["image"].shape and made.abs().max() <= 1


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


@pytest.mark.parametrize("name", SCALINGS.names())
def test_a_scaling_fills_zero_to_one(name):
    raw = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(np.uint8)
    scaled = SCALINGS.recipe(name)()(raw)
    assert scaled.dtype == np.float32 and scaled.shape == raw.shape
    assert scaled.min() >= 0 and 0.9 < scaled.max() <= 1


@pytest.mark.parametrize("name", LOSSES.names())
def test_a_loss_is_its_weight_times_its_formula(name):
    assert "weight" in LOSSES.schema(name)
    a, b = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    one, three = LOSSES.recipe(name)(), LOSSES.recipe(name, weight=3.0)()
    torch.testing.assert_close(three(a, b), 3 * one(a, b))
    assert one(a, a) == 0 < one(a, b)


@pytest.mark.parametrize("name", GAN_LOSSES.names())
def test_an_adversarial_loss_falls_as_scores_near_the_verdict(name):
    one, three = GAN_LOSSES.recipe(name)(), GAN_LOSSES.recipe(name, weight=3.0)()
    low, high = torch.full((2, 1, 4, 4), 0.1), torch.full((2, 1, 4, 4), 0.9)
    assert one(high, True) < one(low, True) and one(low, False) < one(high, False)
    torch.testing.assert_close(three(low, True), 3 * one(low, True))


@pytest.mark.parametrize("name", MAP_LOSSES.names())
def test_a_segmentation_loss_falls_as_logits_near_the_truth_and_grows_with_its_weight(name):
    target = TARGETS.recipe("mask")()
    truth = torch.from_numpy(target.encode(nuclei(2)))[None]
    one, three = MAP_LOSSES.recipe(name)(), MAP_LOSSES.recipe(name, weight=3.0)()
    good, bad = 4 * (2 * truth - 1), torch.zeros_like(truth)
    assert 0 <= one(good, truth, target) < one(bad, truth, target)
    torch.testing.assert_close(three(bad, truth, target), 3 * one(bad, truth, target))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", [*GENERATORS.names()])
def test_a_generator_is_built_from_channels_and_dimensions(name, dims):
    net = tiny(GENERATORS, name)(1, 1, dims)
    assert sum(p.numel() for p in net.parameters()) > 0


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", [*DISCRIMINATORS.names()])
def test_a_discriminator_is_built_from_channels_and_dimensions(name, dims):
    net = tiny(DISCRIMINATORS, name)(1, dims)
    assert sum(p.numel() for p in net.parameters()) > 0


@pytest.mark.parametrize(("kind", "name"), ENTRIES, ids=lambda v: v)
def test_an_entry_says_what_it_is_and_describes_every_key(kind, name):
    text = describe(f"{kind}.{name}")
    entry = KINDS[kind].get(name)
    assert (entry.__doc__ or "").strip(), "no docstring"
    for setting in schema(entry).values():
        owner = setting.owner.__doc__ or ""
        assert f"{setting.name}:" in owner, f"{setting.owner.__name__} does not describe '{setting.name}'"
        assert setting.name.upper() in text
