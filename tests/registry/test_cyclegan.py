"""CycleGAN and UDCT: who is asked what, and what each loss is, with networks whose answer is known."""

import pytest
import torch
from support.known import Always

from nucleizoo import DISCRIMINATORS, GENERATORS, LOSSES, METHODS, TARGETS, Clock, Task
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.plugins import load_plugins

load_plugins()
CLOCK = Clock(0, 100)


def make(name="cyclegan", pictures=False, **settings):
    torch.manual_seed(0)
    return METHODS.get(name)(
        Task(1, 1, 2, TARGETS.recipe("mask")(), source_pictures=pictures),
        generator=GENERATORS.recipe("resnet", width=4, blocks=1),
        discriminator=DISCRIMINATORS.recipe("patchgan", width=4, blocks=1),
        **settings,
    )


def a_batch(size=2):
    g = torch.Generator().manual_seed(1)
    return {d: torch.rand(size, 1, 16, 16, generator=g) * 2 - 1 for d in ("image", "source")}


class Negative(torch.nn.Module):
    """A translator whose tanh is minus its input."""

    def forward(self, x):
        return torch.atanh(-x)


def with_known_answers(method, score=0.25):
    for d in ("image", "source"):
        method.translators[d] = Negative()
        method.critics[d] = Always(score)
    return method


def test_losses_are_the_papers_numbers():
    method = with_known_answers(make())
    translators, critics = method.train_step(a_batch(), CLOCK)
    assert translators.group == "generator" and critics.group == "discriminator"
    for d in ("image", "source"):
        assert translators.losses[f"adversarial_{d}"].item() == pytest.approx((1 - 0.25) ** 2)
        assert translators.losses[f"cycle_{d}"].item() == pytest.approx(0, abs=1e-5)
        assert critics.losses[f"critic_{d}"].item() == pytest.approx(((1 - 0.25) ** 2 + 0.25**2) / 2)
    assert len(translators.losses) == 4 and len(critics.losses) == 2


def test_a_cycle_costs_ten_times_its_mean_difference():
    method = with_known_answers(make())
    method.translators["image"] = torch.nn.Module()
    method.translators["image"].forward = lambda x: torch.atanh(x / 2)
    batch = {"image": torch.full((1, 1, 8, 8), 0.5), "source": torch.full((1, 1, 8, 8), -0.5)}
    losses = next(iter(method.train_step(batch, CLOCK))).losses
    assert losses["cycle_image"].item() == pytest.approx(10 * 0.75)  # 0.5 -> -0.5 -> -0.25
    assert losses["cycle_source"].item() == pytest.approx(10 * 0.75)  # -0.5 -> -0.25 -> 0.25


def test_identity_is_asked_only_where_it_weighs():
    plain, strict = make(), make(identity=LOSSES.recipe("l1", weight=5.0))
    for method, names in ((plain, set()), (strict, {"identity_image", "identity_source"})):
        losses = next(iter(with_known_answers(method).train_step(a_batch(), CLOCK))).losses
        assert {n for n in losses if n.startswith("identity")} == names
    batch = {"image": torch.full((1, 1, 8, 8), 0.5), "source": torch.full((1, 1, 8, 8), 0.25)}
    losses = next(iter(strict.train_step(batch, CLOCK))).losses
    assert losses["identity_image"].item() == pytest.approx(5 * 1.0)
    assert losses["identity_source"].item() == pytest.approx(5 * 0.5)


@pytest.mark.parametrize("name", ["cyclegan", "cysgan"])
def test_residual_translators_start_near_the_identity(name):
    method = METHODS.get(name)(
        Task(1, 1, 2, TARGETS.recipe("mask")(), source_pictures=True),
        generator=GENERATORS.recipe("resnet", width=4, blocks=1), residual=True,
    )  # fmt: skip
    picture = torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16)
    for network in method.translators.values():
        torch.nn.init.zeros_(network.layers[-1].weight)
        torch.nn.init.zeros_(network.layers[-1].bias)
    for made in (method.to_source(picture), method.to_image(picture)):
        assert torch.allclose(made, picture.clamp(-0.9, 0.9), atol=1e-5)
    with pytest.raises(ValueError, match=r"IDENTITY and RESIDUAL .*channels"):
        METHODS.get("cyclegan")(Task(3, 1, 2, TARGETS.recipe("mask")(), source_pictures=True), residual=True)


def test_each_critic_sees_real_pictures_of_its_domain_and_translations_into_it():
    method = with_known_answers(make(pool=0))
    batch = a_batch()
    list(method.train_step(batch, CLOCK))
    for d, o in (("image", "source"), ("source", "image")):
        judged, trained = method.critics[d].seen
        torch.testing.assert_close(judged, -batch[o])
        torch.testing.assert_close(trained, torch.cat([batch[d], -batch[o]]))


def test_the_critics_update_leaves_the_translators_untouched():
    method = make()
    *_, critics = method.train_step(a_batch(), CLOCK)
    torch.stack(list(critics.losses.values())).sum().backward()
    assert all(p.grad is None for p in method.translators.parameters())
    assert all(p.grad is not None for p in method.critics.parameters())


def test_masks_are_read_off_the_translation_of_an_image():
    method = with_known_answers(make())
    image = a_batch()["image"]
    torch.testing.assert_close(method(image), (1 - image) / 2)


def test_between_pictures_it_translates_and_refuses_to_segment():
    method = make(pictures=True)
    assert method.to_source(a_batch()["image"]).shape == (2, 1, 16, 16)
    with pytest.raises(ConfigError, match="translated"):
        method(a_batch()["image"])


def test_udct_adds_the_distributions_on_both_sides():
    method = with_known_answers(make("udct", noise=0.0))
    for d in ("image", "source"):
        critic = Always(0.25)
        critic.forward = lambda profile, critic=critic: critic.score.expand(1, 1)
        critic.profile = lambda x: x.flatten()[None]
        method.histograms[d] = critic
    translators, critics = method.train_step(a_batch(), CLOCK)
    for d in ("image", "source"):
        assert translators.losses[f"histogram_{d}"].item() == pytest.approx(0.75**2)
        assert critics.losses[f"histogram_critic_{d}"].item() == pytest.approx((0.75**2 + 0.25**2) / 2)
    assert len(translators.losses) == 6 and len(critics.losses) == 4


@pytest.mark.parametrize(("iteration", "deviation"), [(0, 0.2), (10, 0.2 * 0.9**20), (50, 0), (90, 0)])
def test_udct_blurs_less_and_less_what_its_critics_see(iteration, deviation):
    torch.manual_seed(0)
    zeros = torch.zeros(1, 1, 200, 200)
    seen = make("udct").through_noise(zeros, Clock(iteration, 100))
    assert float(seen.std()) == pytest.approx(deviation, rel=0.03)


def test_udct_keeps_noise_out_of_the_pool():
    method = make("udct", noise=5.0)
    method.discriminator_losses(method.travel(a_batch()), CLOCK)
    assert all(p.abs().max() <= 1 for pool in method.pools.values() for p in pool.pictures)


def test_udcts_critics_see_noise_and_its_distributions_half_as_much():
    torch.manual_seed(0)
    method, loud = make("udct", noise=0.4), Clock(0, 100)
    seen = []
    method.critics["image"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    method.histograms["image"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    flat = torch.zeros(4, 1, 64, 64)
    method.score("image", flat, loud)
    method.distribution_score("image", flat, loud)
    assert seen[0].std().item() == pytest.approx(0.4, rel=0.05)
    assert seen[1].std().item() == pytest.approx(0.2, rel=0.25)


def test_critics_are_shown_older_pictures_too():
    method = make("udct", noise=0.0, pool=2)
    list(method.train_step(a_batch(), CLOCK))
    for pools in (method.pools, method.real_pools):
        assert all(len(pool.pictures) == 2 for pool in pools.values())


def test_the_histogram_critic_tells_real_from_made():
    method = make("udct", noise=0.0)
    trip = method.travel(a_batch())
    shown = []
    method.histograms["image"].register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    method.discriminator_losses(trip, CLOCK)
    profile = method.histograms["image"].profile
    assert torch.equal(shown[0], profile(trip.real["image"]))
    assert torch.equal(shown[1], profile(trip.fake["image"]))
