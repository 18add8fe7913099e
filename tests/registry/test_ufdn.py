"""UFDN: what each loss is with networks whose answer is known, its ramps, and the gradient penalty."""

import math

import pytest
import torch

from nucleizoo import DISCRIMINATORS, GAN_LOSSES, GENERATORS, METHODS, TARGETS, Clock, Task
from nucleizoo.core.plugins import load_plugins

load_plugins()


def make(**settings):
    torch.manual_seed(0)
    return METHODS.get("ufdn")(
        Task(1, 1, 2, TARGETS.recipe("mask")()),
        generator=GENERATORS.recipe("vae", width=4, blocks=2),
        discriminator=DISCRIMINATORS.recipe("normless", width=4, blocks=2),
        feature_discriminator=DISCRIMINATORS.recipe("pointwise", width=8),
        **settings,
    )


class Known(torch.nn.Module):
    """Content is the picture, with a standard deviation of 1/2; decoding subtracts the share of masks."""

    def __init__(self):
        super().__init__()
        self.weight, self.asked = torch.nn.Parameter(torch.ones(())), []

    def encode(self, picture):
        return picture * self.weight, torch.full_like(picture, 2 * math.log(0.5))

    def decode(self, content, domain):
        self.asked.append(domain[:, 1].tolist())
        return content * self.weight - domain[:, 1, None, None, None]


class Says(torch.nn.Module):
    """A critic of given scores, which remembers what it saw."""

    def __init__(self, *scores):
        super().__init__()
        self.scores, self.seen = torch.nn.Parameter(torch.tensor(scores)), []

    def forward(self, x):
        self.seen.append(x.detach().clone())
        return self.scores[None, :, None, None].expand(len(x), -1, 2, 2) + 0 * x.sum()


def losses(method, clock):
    batch = {"image": torch.full((2, 1, 8, 8), 0.5), "source": torch.full((2, 1, 8, 8), -0.5)}
    return [update.losses for update in method.train_step(batch, clock)]


@pytest.fixture
def known(monkeypatch):
    """A method of networks whose answers are known, and contents that are one standard deviation off."""
    method = make()
    method.generator, method.critic, method.feature_critic = Known(), Says(0.3, 0.0, 2.0), Says(2.0, 0.0)
    monkeypatch.setattr(torch, "randn_like", torch.ones_like)
    return method


def likely(wanted, logit):
    """Cross entropy of a logit."""
    return math.log(1 + math.exp(-logit if wanted else logit))


def test_losses_are_the_papers_numbers(known):
    critics, coder = losses(known, Clock(50, 100))
    even = math.log(2)  # of a logit of 0
    # of images the code is (1, 0), of masks (0, 1): half of the pictures each
    sure = (likely(True, 2.0) + likely(False, 2.0)) / 2
    assert critics["feature_critic"].item() == pytest.approx((sure + even) / 2)
    assert critics["pixel_named"].item() == pytest.approx((sure + even) / 2)
    # equal scores cancel, and a score without slope pays for the whole of it
    assert critics["pixel_critic"].item() == pytest.approx(100)
    # a picture x has the content x + 1/2; images are decoded to it, masks to 1 less
    assert coder["reconstruction"].item() == pytest.approx((0.5**2 + 0.5**2) / 2)
    of_variance = 1 + 2 * math.log(0.5) - 0.25
    assert coder["divergence"].item() == pytest.approx(0.1 * -0.5 * (of_variance - 0.25))
    assert coder["feature"].item() == pytest.approx((sure + even) / 2)
    assert coder["adversarial"].item() == pytest.approx(-0.3e-6)
    assert coder["named"].item() == pytest.approx(1e-6 * (sure + even) / 2)


def test_the_encoder_is_asked_for_the_other_code_and_the_critic_sees_each_picture_beside_its_translation(
    known,
):
    losses(known, Clock(0, 100))
    assert known.generator.asked == [[1, 1, 0, 0], [0, 0, 1, 1]]
    real, made, _, judged = known.critic.seen
    values = [x[:, 0, 0, 0].tolist() for x in (real, made, judged)]
    assert values == [[0.5, 0.5, -0.5, -0.5], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("step", "early", "grown"), [(0, 100, 0), (2, 50.5, 0.05), (4, 1, 0.1), (40, 1, 1), (900, 1, 1)]
)
def test_reconstruction_weighs_most_at_first_and_the_critics_nothing(known, step, early, grown):
    """Over 1000 steps, ramps of 0.004 and 0.04 end at the 4th and at the 40th."""
    (_, at), (_, end) = losses(known, Clock(step, 1000)), losses(known, Clock(1000, 1000))
    assert at["reconstruction"].item() == pytest.approx(early * end["reconstruction"].item())
    for name in ("feature", "adversarial", "named"):
        assert at[name].item() == pytest.approx(grown * end[name].item())
    assert at["divergence"].item() == pytest.approx(end["divergence"].item())


def test_the_critic_of_pixels_teaches_the_decoder_alone():
    method = make(feature=0.0, kl=0.0, pixel=1.0)
    batch = {d: torch.rand(2, 1, 16, 16) * 2 - 1 for d in ("image", "source")}
    _, coder = method.train_step(batch, Clock(5, 10))
    (coder.losses["adversarial"] + coder.losses["named"]).backward()
    reached = {name for name, p in method.generator.named_parameters() if p.grad is not None}
    assert reached == {n for n, _ in method.generator.named_parameters() if n.startswith(("decoder", "tail"))}


@pytest.mark.parametrize(("per_voxel", "slope"), [(False, 3 * 4.0), (True, 3.0)])
def test_a_gradient_penalty_is_the_square_of_what_the_slope_exceeds_one(per_voxel, slope):
    """The score is 3 times the sum of 16 voxels: a slope of 3 at each, of 3 sqrt(16) in all."""
    gan = GAN_LOSSES.recipe("wgan_gp", gradient=10.0, per_voxel=per_voxel)()
    real, made = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    penalty = gan.penalty(lambda x: 3 * x.sum((1, 2, 3)), real, made)
    assert penalty.item() == pytest.approx(10 * (slope - 1) ** 2)


def test_a_penalty_is_taken_between_a_real_picture_and_its_made_one():
    gan, seen = GAN_LOSSES.recipe("wgan_gp")(), []
    real, made = torch.zeros(50, 1, 2, 2), torch.ones(50, 1, 2, 2)
    gan.penalty(lambda x: (seen.append(x.detach()), x.sum())[1], real, made)
    shares = seen[0].flatten(1)
    assert torch.equal(shares, shares[:, :1].expand_as(shares))  # one place per picture
    assert 0 <= shares.min() < 0.2 and 0.8 < shares.max() <= 1


def test_it_asks_for_masks_and_for_crops_that_its_strides_divide():
    assert make().divisor == 4
    with pytest.raises(ValueError, match=r"masks.*synthetic"):
        METHODS.get("ufdn")(Task(1, 1, 2, TARGETS.recipe("mask")(), source_pictures=True))
