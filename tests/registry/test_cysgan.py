"""CySGAN: which gradient reaches what, clean targets, the coin, and the published slip as a setting."""

from itertools import product

import pytest
import torch
from support.known import Always
from support.plain_cysgan import PlainCySGAN

from nucleizoo import DISCRIMINATORS, GAN_LOSSES, GENERATORS, LOSSES, METHODS, TARGETS, Clock, Task
from nucleizoo.core.plugins import load_plugins

load_plugins()
CLOCK = Clock(0, 100)


def make(**settings):
    torch.manual_seed(0)
    return METHODS.get("cysgan")(
        Task(1, 1, 2, TARGETS.recipe("mask")(), source_pictures=True),
        generator=GENERATORS.recipe("unet", width=4, blocks=2),
        discriminator=DISCRIMINATORS.recipe("strided", width=2),
        map_discriminator=DISCRIMINATORS.recipe("strided", width=2),
        **settings,
    )


def a_batch():
    g = torch.Generator().manual_seed(1)
    batch = {d: torch.rand(2, 1, 16, 16, generator=g) * 2 - 1 for d in ("image", "source")}
    clean = {f"{d}_clean": x.clamp(-0.5, 0.5) for d, x in batch.items()}
    return batch | clean | {"maps": (torch.rand(2, 1, 16, 16, generator=g) > 0.5).float()}


def losses(method, name):
    return method.generator_losses(method.travel(a_batch()), CLOCK)[name]


def touched(method, loss):
    """The networks that a loss has a gradient for, by the domain that they translate to."""
    parameters = {d: list(net.parameters()) for d, net in method.translators.items()}
    return {
        d for d, ps in parameters.items()
        if any(g is not None and g.abs().sum() > 0
               for g in torch.autograd.grad(loss, ps, retain_graph=True, allow_unused=True))
    }  # fmt: skip


def test_both_networks_are_born_equal():
    image, source = make().translators.values()
    assert all(torch.equal(a, b) for a, b in zip(image.parameters(), source.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("adversarial_image", {"image"}),
        ("adversarial_source", {"source"}),
        ("cycle_image", {"image", "source"}),
        ("cycle_source", {"image", "source"}),
        ("segmentation", {"image"}),  # of the source, seen on its way to the image domain
        ("segmentation_made", {"source"}),  # of its translation, which it must not change
        ("consistency", {"image", "source"}),
    ],
)
def test_a_loss_teaches_the_networks_that_it_judges(name, networks):
    method = make()
    for d in ("image", "source"):  # so that no gradient is zero by symmetry
        torch.nn.init.normal_(method.translators[d].leave.bias, std=0.1)
    assert touched(method, losses(method, name)) == networks


def test_maps_of_a_translation_do_not_shape_it():
    """Without the detached pass the maps of x^ would pull at the network that made x^."""
    method = make()
    trip = method.travel(a_batch())
    for logits, network in ((trip.seen_again["source"], "image"), (trip.seen_again["image"], "source")):
        parameters = list(method.translators[network].parameters())
        grads = torch.autograd.grad(logits.sum(), parameters, retain_graph=True, allow_unused=True)
        assert all(g is None for g in grads)


def test_critics_and_cycles_are_held_against_clean_pictures():
    batch = a_batch()
    trip = make().travel(batch)
    for d in ("image", "source"):
        assert torch.equal(trip.real[d], batch[f"{d}_clean"])


def test_without_semi_supervised_losses_nothing_of_them_is_left():
    off = make(map_gan=GAN_LOSSES.recipe("lsgan", weight=0.0), consistency=LOSSES.recipe("l1", weight=0.0))
    found = off.generator_losses(off.travel(a_batch()), CLOCK)
    assert found["map_adversarial"] == 0 and found["consistency"] == 0
    on = make()
    others = on.generator_losses(on.travel(a_batch()), CLOCK)
    for name in ("adversarial_image", "cycle_source", "segmentation", "segmentation_made"):
        assert torch.equal(found[name], others[name])


def test_every_critic_has_its_own_optimiser_and_is_trained():
    updates = list(make().train_step(a_batch(), CLOCK))
    assert [u.group for u in updates] == ["generator", "source_critic", "image_critic", "map_critic"]


def test_the_published_slip_leaves_the_map_critic_alone_and_hurries_the_image_critic():
    legacy = make(legacy_critic=True)
    updates = list(legacy.train_step(a_batch(), CLOCK))
    assert [u.group for u in updates] == ["generator", "source_critic", "image_critic", "image_critic"]
    paces = {name: group.pace for name, group in legacy.groups().items()}
    assert paces == {"generator": 1, "source_critic": 1, "image_critic": 2, "map_critic": 1}


def test_the_published_slip_steps_the_image_critic_again_by_its_moments_alone():
    """A gradient of 0, which an optimiser with moments takes for a step, and not none."""
    method = make(legacy_critic=True)
    *_, update = method.train_step(a_batch(), CLOCK)
    gradients = torch.autograd.grad(sum(update.losses.values()), [*method.critics["image"].parameters()])
    assert update.losses["critic_maps"] > 0 and not any(gradient.any() for gradient in gradients)


def test_the_map_critic_is_shown_images_and_their_translations_in_turn():
    method = make(pool=0)
    trip = method.travel(a_batch())
    shown = []
    method.map_critic.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0][2:]))
    for _ in range(60):
        method.map_critic_loss(trip)
    first, second = (method.task.target.activate(x["image"]) for x in (trip.seen, trip.seen_again))
    kinds = [torch.equal(s, first) for s in shown]
    assert all(torch.equal(s, first) or torch.equal(s, second) for s in shown)
    assert 15 < sum(kinds) < 45


def test_an_image_is_segmented_by_the_network_that_leads_away_from_it():
    method, image = make(), a_batch()["image"]
    with torch.no_grad():
        wanted = torch.sigmoid(method.translators["source"](image)[:, 1:])
        assert torch.equal(method(image), wanted)
        assert torch.equal(method.to_source(image), torch.tanh(method.translators["source"](image)[:, :1]))


class Known(torch.nn.Module):
    """A network whose picture is minus its input, and whose maps are the same everywhere."""

    def __init__(self, logit):
        super().__init__()
        self.logit, self.seen = torch.nn.Parameter(torch.tensor(float(logit))), []

    def forward(self, x):
        self.seen.append(x.detach().clone())
        return torch.cat([torch.atanh(-x), self.logit.expand_as(x)], dim=1)


@pytest.fixture
def known():
    """CySGAN with networks and critics whose answers are known."""
    method = make()
    for d, logit, score in (("image", 2.0, 0.3), ("source", -1.0, 0.4)):
        method.translators[d], method.critics[d] = Known(logit), Always(score)
    method.map_critic = Always(0.2)
    return method


def test_losses_are_the_papers_numbers(known):
    batch = a_batch()
    generator, source_critic, image_critic, map_critic = (
        {name: loss.item() for name, loss in update.losses.items()}
        for update in known.train_step(batch, CLOCK)
    )
    by_image, by_source = torch.tensor(2.0).sigmoid().item(), torch.tensor(-1.0).sigmoid().item()
    logits = {d: torch.full((2, 1, 16, 16), v) for d, v in (("image", 2.0), ("source", -1.0))}
    drawn = {d: known.segmentation(x, batch["maps"], known.task.target).item() for d, x in logits.items()}
    wanted = {
        "adversarial_image": 0.7**2,
        "adversarial_source": 0.6**2,
        "cycle_image": (batch["image"] - batch["image_clean"]).abs().mean().item(),
        "cycle_source": (batch["source"] - batch["source_clean"]).abs().mean().item(),
        "segmentation": drawn["image"],  # the network that leads to images sees the source
        "segmentation_made": drawn["source"],
        "map_adversarial": 2 * 0.8**2,
        "consistency": by_image - by_source,
    }
    assert generator == pytest.approx(wanted, rel=1e-4)
    assert source_critic == pytest.approx({"critic_source": 0.6**2 + 0.4**2})
    assert image_critic == pytest.approx({"critic_image": 0.7**2 + 0.3**2})
    assert map_critic == pytest.approx({"critic_maps": 0.8**2 + 0.2**2})


def test_networks_see_the_degraded_pictures_and_critics_the_clean_ones(known):
    batch = a_batch()
    list(known.train_step(batch, CLOCK))
    for d, o in (("image", "source"), ("source", "image")):
        passes = known.translators[d].seen  # the real picture of the other domain, and its translation
        assert len(passes) == 2 and any(torch.equal(seen, batch[o]) for seen in passes)
        assert not any(torch.equal(seen, batch[f"{o}_clean"]) for seen in passes)
        assert torch.equal(known.critics[d].seen[-1][:2], batch[f"{d}_clean"])
        torch.testing.assert_close(known.critics[d].seen[-1][2:], -batch[o])
    assert torch.equal(known.map_critic.seen[-1][:2], batch["maps"])


def test_maps_go_through_their_pool(known):
    list(known.train_step(a_batch(), CLOCK))
    assert len(known.map_pool.pictures) == 2


def in_double(one_class, dims, channels, **settings):
    """A method in float64, and a batch for it."""
    torch.manual_seed(0)
    method = one_class(
        Task(*channels, dims, TARGETS.recipe("bcd")(), source_pictures=True),
        generator=GENERATORS.recipe("unet", width=4, blocks=3, flat=1),
        discriminator=DISCRIMINATORS.recipe("strided", width=2),
        map_discriminator=DISCRIMINATORS.recipe("strided", width=2),
        **settings,
    ).double()
    g, size = torch.Generator().manual_seed(1), (5, 17, 17)[3 - dims :]
    batch = {"maps": (torch.rand(2, 3, *size, generator=g) > 0.5).double()}
    for d, count in zip(("image", "source"), channels, strict=True):
        batch[d] = torch.rand(2, count, *size, generator=g, dtype=torch.float64) * 2 - 1
        batch[f"{d}_clean"] = batch[d].clamp(-0.5, 0.5)
    return method, batch


def losses_and_gradients(method, batch):
    """Of a whole step: every loss by name, and the gradients of every group."""
    losses, gradients = {}, {}
    for update in method.train_step(batch, CLOCK):
        losses |= {name: loss.item() for name, loss in update.losses.items()}
        parameters = method.groups()[update.group].parameters
        total = sum(update.losses.values())
        gradients[update.group] = torch.autograd.grad(total, parameters, allow_unused=True)
    return losses, gradients


@pytest.mark.parametrize(
    ("dims", "channels", "settings"),
    [
        *product((2, 3), [(1, 1)], [{}, {"map_gan": GAN_LOSSES.recipe("lsgan", weight=0.0)}]),
        (2, (1, 1), {"residual": True, "identity": LOSSES.recipe("l1", weight=2.0)}),
        (2, (3, 1), {}),
    ],
)
def test_a_step_has_the_losses_and_gradients_of_six_separate_passes(dims, channels, settings):
    ours, theirs = (
        losses_and_gradients(*in_double(one, dims, channels, **settings))
        for one in (METHODS.get("cysgan"), PlainCySGAN)
    )
    assert ours[0] == pytest.approx(theirs[0], rel=1e-12, abs=1e-12)
    assert list(ours[1]) == list(theirs[1]) == ["generator", "source_critic", "image_critic", "map_critic"]
    for group, expected in theirs[1].items():
        largest = max(grad.abs().max() for grad in expected)
        assert largest > 0
        for one, other in zip(ours[1][group], expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * largest.item())


def test_terms_of_maps_pull_at_no_translation():
    """Whatever is asked of maps of a translation, the network that made it is not changed by it."""
    method = make()
    trip = method.travel(a_batch())
    found = method.generator_losses(trip, CLOCK)
    parameters = list(method.translators["image"].parameters())  # which made what is segmented again
    grads = torch.autograd.grad(found["segmentation_made"], parameters, retain_graph=True, allow_unused=True)
    assert all(grad is None for grad in grads)
    both = torch.autograd.grad(
        found["segmentation_made"] + found["cycle_source"], parameters, retain_graph=True
    )
    alone = torch.autograd.grad(found["cycle_source"], parameters)
    for one, other in zip(both, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)
