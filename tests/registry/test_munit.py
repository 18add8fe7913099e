"""MUNIT: who is asked what, and what each loss is, with networks whose answer is known."""

import pytest
import torch
from support.known import Always

from nucleizoo import DISCRIMINATORS, GENERATORS, LOSSES, METHODS, TARGETS, Clock, Task
from nucleizoo.core.plugins import load_plugins

load_plugins()
CLOCK = Clock(0, 100)


def make(**settings):
    torch.manual_seed(0)
    return METHODS.get("munit")(
        Task(1, 1, 2, TARGETS.recipe("mask")()),
        generator=GENERATORS.recipe("munit", width=4, blocks=1, style_width=8),
        discriminator=DISCRIMINATORS.recipe("normless", width=4, blocks=1),
        **settings,
    )


class Offset(torch.nn.Module):
    """Content is the picture less `own`; style is always `own`; decoding adds the mean of the style."""

    style_channels = 3

    def __init__(self, own):
        super().__init__()
        self.own, self.styles = torch.nn.Parameter(torch.tensor(own)), []

    def encode(self, picture):
        return picture - self.own, self.own.expand(len(picture), 3)

    def decode(self, content, style):
        self.styles.append(style.detach().clone())
        return content + style.mean(1)[:, None, None, None]


def with_known_answers(method, score=0.25):
    for d, own in (("image", 0.5), ("source", -0.25)):
        method.translators[d] = Offset(own)
        for scale in range(len(method.critics[d])):
            method.critics[d][scale] = Always(score)
    return method


def a_batch(size=2):
    g = torch.Generator().manual_seed(1)
    return {d: torch.rand(size, 1, 16, 16, generator=g) * 2 - 1 for d in ("image", "source")}


def test_critics_come_first_and_every_update_has_styles_of_its_own():
    method, batch = with_known_answers(make()), a_batch()
    critics, coders = method.train_step(batch, CLOCK)
    assert (critics.group, coders.group) == ("discriminator", "generator")
    for d, other in (("image", "source"), ("source", "image")):
        before, after, own = method.translators[d].styles
        assert not torch.equal(before, after) and torch.equal(own, method.translators[d].own.expand(2, 3))
        content = batch[other] - method.translators[other].own
        shown = method.critics[d][
            0
        ].seen  # a real picture and a translation to the critic, another to the coder
        torch.testing.assert_close(shown[0], batch[d])
        for seen, style in ((shown[1], before), (shown[2], after)):
            torch.testing.assert_close(seen, content + style.mean(1)[:, None, None, None])


def test_losses_are_the_papers_numbers():
    method, batch = with_known_answers(make(cycle=LOSSES.recipe("l1", weight=10.0))), a_batch()
    critics, coders = (update.losses for update in method.train_step(batch, CLOCK))
    for d in ("image", "source"):
        own = method.translators[d].own
        _, wanted = (
            style for style in method.translators[d].styles if not torch.equal(style, own.expand(2, 3))
        )
        assert critics[f"critic_{d}"].item() == pytest.approx(3 * (0.75**2 + 0.25**2))
        assert coders[f"adversarial_{d}"].item() == pytest.approx(3 * 0.75**2)
        assert coders[f"reconstruction_{d}"].item() == pytest.approx(0, abs=1e-6)
        torch.testing.assert_close(coders[f"style_{d}"], (own - wanted).abs().mean())
        # what the style adds to a translation and `own` does not take away is found in the content
        other = {"image": "source", "source": "image"}[d]
        left = (wanted.mean(1) - own).abs().mean()
        torch.testing.assert_close(coders[f"content_{other}"], left)
        torch.testing.assert_close(coders[f"cycle_{other}"], 10 * left)
    assert len(coders) == 10
    method = with_known_answers(make())
    assert len(list(method.train_step(batch, CLOCK))[1].losses) == 8  # no cycle unless it weighs


def test_critics_see_the_picture_whole_and_halved_twice():
    """Each pixel of the next scale is the mean of three by three, fewer at the border."""
    method = make()
    picture = torch.arange(16.0).reshape(1, 1, 1, 16).expand(1, 1, 16, 16)
    whole, half, quarter = method.at_scales("image", picture)
    assert torch.equal(whole, picture)
    assert half[0, 0, 0].tolist() == [0.5, 2, 4, 6, 8, 10, 12, 14]
    assert quarter[0, 0, 0].tolist() == [1.25, 4, 8, 12]
    assert method.smallest == 2 * 4  # the coarsest critic halves once more


def test_an_image_has_one_segmentation_in_the_mean_style():
    method, image = with_known_answers(make()), a_batch()["image"]
    first, again = method(image), method(image)
    assert torch.equal(first, again)
    torch.testing.assert_close(first, (image - 0.5 + 1) / 2)  # its content, and nothing added
    torch.testing.assert_close(method.to_image(image), image + 0.25)
    assert method.snapshot(a_batch()).keys() >= {"image", "made source", "image back"}


def test_scales_of_the_style_are_what_the_mlp_says():
    """Where it says 0, a residual block adds nothing: the reference adds no one to its scales."""
    torch.manual_seed(0)
    decoder = GENERATORS.recipe("munit", width=4, blocks=2, style_width=8)(1, 1, 2).decoder
    torch.nn.init.zeros_(decoder.style[-1].weight)
    x = torch.rand(1, 16, 4, 4)
    style = decoder.style(torch.zeros(1, 8)).split(decoder.sizes, dim=1)
    assert torch.equal(decoder.blocks[1](x, style[1]), x)


def test_a_picture_too_small_for_the_styles_strides_has_a_style():
    coder = GENERATORS.recipe("munit", width=4, blocks=1, style_width=8)(1, 1, 3)
    _, style = coder.encode(torch.rand(2, 1, 8, 8, 32))
    assert style.shape == (2, 8) and torch.isfinite(style).all()
