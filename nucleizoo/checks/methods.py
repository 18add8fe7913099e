"""What a method promises besides its training: it is built from its defaults, and predicts."""

from __future__ import annotations

import torch

from nucleizoo.checks.check import PromiseError, expect
from nucleizoo.checks.steps import Steps
from nucleizoo.checks.toys import batch_for
from nucleizoo.contracts import ContentCoder, Interpolator, Translator
from nucleizoo.core.errors import ConfigError


def is_built_from_its_defaults(steps: Steps) -> None:
    """It is built from its defaults."""
    if isinstance(steps.flaw, ConfigError):
        raise PromiseError(
            f"{steps.flaw}. What a network must be able to do, where it is not a translator or a critic, the "
            "method says in 'roles', such as {'network': 'segmenter'}"
        ) from steps.flaw
    if steps.flaw:
        raise steps.flaw


def has_every_parameter_in_one_group(steps: Steps) -> None:
    """Its groups hold every parameter once."""
    method = steps.method()
    names = {id(p): name for name, p in method.named_parameters()}
    owners: dict[str, list[str]] = {name: [] for name in names.values()}
    for group, owned in method.groups().items():
        for p in owned.parameters:
            expect(id(p) in names, f"the group '{group}' holds a parameter that the method has not")
            owners[names[id(p)]].append(group)
    for name, groups in owners.items():
        expect(groups, f"'{name}' is in no group, so that nothing trains it; add it to one in groups()")
        expect(
            len(groups) == 1, f"'{name}' is held twice, by {' and '.join(groups)}; leave it to one of them"
        )


def predicts_maps(steps: Steps) -> None:
    """It predicts maps in the ranges of the target, the same ones every time."""
    method = steps.method().eval()
    if not method.segments:
        return
    image = batch_for(method, keys=frozenset({"image"}))["image"]
    with torch.no_grad():
        maps, again = method(image), method(image)
    channels = method.task.target.channels
    wanted = (len(image), len(channels), *image.shape[2:])
    expect(tuple(maps.shape) == wanted, f"forward gives {tuple(maps.shape)}, the target has maps {wanted}")
    expect(torch.isfinite(maps).all(), "forward gives values that are not finite")
    for one, channel in zip(maps.unbind(1), channels, strict=True):
        low = 0 if channel.activation == "sigmoid" else -1
        expect(
            one.min() >= low and one.max() <= 1,
            f"the map '{channel.name}' is to lie in [{low}, 1], but goes from {one.min():.3g} to "
            f"{one.max():.3g}; give logits to task.target.activate, or pictures to task.target.from_image",
        )
    expect(
        torch.equal(maps, again),
        "two predictions of one picture differ; forward must not draw random numbers or remember pictures",
    )


def does_what_its_protocols_say(steps: Steps) -> None:
    """It translates and encodes as its protocols say."""
    method = steps.method().eval()
    batch = batch_for(method, keys=frozenset({"image", "source"}))
    image, source = batch["image"], batch["source"]
    with torch.no_grad():
        if isinstance(method, Translator):
            for name, made, like in (
                ("to_source", method.to_source(image), source), ("to_image", method.to_image(source), image)
            ):  # fmt: skip
                expect(made.shape == like.shape, f"{name} gives {tuple(made.shape)}, not {tuple(like.shape)}")
                expect(torch.isfinite(made).all(), f"{name} gives values that are not finite")
        if isinstance(method, ContentCoder):
            codes = [method.encode(batch[domain], domain) for domain in ("image", "source")]
            expect(codes[0].shape == codes[1].shape, "the contents of both domains have different shapes")
            expect(all(torch.isfinite(code).all() for code in codes), "a content is not finite")
        if isinstance(method, Interpolator):
            made = method.between(image, 0.5)
            expect(made.shape == image.shape, f"between gives {tuple(made.shape)}, not {tuple(image.shape)}")
            expect(made.abs().max() <= 1, "between gives a picture outside of [-1, 1]")


def draws_for_the_log(steps: Steps) -> None:
    """Its snapshot has pictures of the size of its images."""
    method = steps.method()
    batch = batch_for(method, keys=method.needs or frozenset({"image"}))
    size = next(iter(batch.values())).shape[2:]
    for name, picture in method.snapshot(batch).items():
        expect(picture.shape[2:] == size, f"'{name}' is {tuple(picture.shape[2:])} large, not {tuple(size)}")
        expect(not picture.requires_grad, f"'{name}' has a gradient; decorate snapshot with torch.no_grad()")
