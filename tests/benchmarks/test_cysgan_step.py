"""CySGAN's training step: the share of the passes through the generators, and a plain step beside it.

make bench                                     all benchmarks
python tests/benchmarks/test_cysgan_step.py    both ratios, in fp32 and (with the hardware) bf16
"""

from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from support.plain_cysgan import PlainCySGAN
from support.timing import in_turns
from torch.nn import functional as F

from nucleizoo import DISCRIMINATORS, GENERATORS, METHODS, TARGETS, Clock, Task
from nucleizoo.core.config import loads
from nucleizoo.core.plugins import load_plugins
from nucleizoo.defaults import DEFAULTS
from nucleizoo.ops.nn import edge_conv, norms
from nucleizoo.ops.nn.device import autocast, pick_device, pick_precision
from nucleizoo.training.solver import Solver
from nucleizoo.training.trainer import Trainer

load_plugins()

SIZE = (17, 129, 129)  # the paper's crop, with a quarter of its channels and half of its batch of 4
WIDTH, BATCH = 8, 2


def pad(x, widths):
    """`edge_conv.repeat_edges` by the library."""
    return F.pad(x, [width for width in reversed(widths) for _ in range(2)], mode="replicate")


@contextmanager
def library_norms_and_padding():
    """Networks without our kernels."""
    with (
        mock.patch.object(norms, "group_norm", F.group_norm),
        mock.patch.object(edge_conv, "repeat_edges", pad),
    ):
        yield


def plain_step(method, config, batch):
    """The same updates as published: fp32, six passes, the library's norms and padding, critics frozen."""
    groups = method.groups()
    optimisers = Solver(config, groups).optimisers

    @library_norms_and_padding()
    def step():
        updates = method.train_step(batch, Clock(0, 1000))
        wanted = "generator"  # whose networks the passes to come are made for
        while True:
            for name, group in groups.items():
                for parameter in group.parameters:
                    parameter.requires_grad_(name == wanted or wanted == "all")
            if (update := next(updates, None)) is None:
                return
            sum(update.losses.values()).backward()
            optimisers[update.group].step()
            optimisers[update.group].zero_grad(set_to_none=True)
            wanted = "all"

    return step


def ways(precision="auto"):
    """The step, its passes alone, forwards and backwards, and the plain step, by name."""
    torch.manual_seed(0)
    critic = DISCRIMINATORS.recipe("strided", width=2 * WIDTH)
    method, plain = (
        one(
            Task(1, 1, 3, TARGETS.recipe("bcd")(), source_pictures=True),
            generator=GENERATORS.recipe("unet", width=WIDTH),
            discriminator=critic,
            map_discriminator=critic,
        )
        for one in (METHODS.get("cysgan"), PlainCySGAN)
    )
    solver = "SOLVER: {OPTIMISER: {NAME: adamw}}"
    config = loads(
        f"{{METHOD: {{NAME: cysgan}}, SYSTEM: {{PRECISION: {precision}}}, {solver}}}", defaults=DEFAULTS
    )
    trainer = Trainer(method, config)
    pictures = torch.rand(2, BATCH, 1, *SIZE, device=trainer.device) * 2 - 1
    image, source = pictures
    maps = (torch.rand(BATCH, 3, *SIZE, device=trainer.device) > 0.5).float()
    batch = {"image": image, "image_clean": image, "source": source, "source_clean": source, "maps": maps}

    def passes():
        with autocast(trainer.device, trainer.precision):
            trip = method.travel(batch)
        made = [*trip.back.values(), *trip.seen.values(), *trip.seen_again.values()]
        total = sum(one.float().mean() for one in made)
        torch.autograd.backward(total, inputs=list(method.translators.parameters()))
        for parameter in method.parameters():
            parameter.grad = None

    return {"step": lambda: trainer.step(batch), "passes": passes, "plain": plain_step(plain, config, batch)}


@pytest.mark.benchmark(group="CySGAN step, two crops of 17x129x129")
@pytest.mark.parametrize("what", ["step", "passes", "plain"])
def test_step(benchmark, what):
    benchmark.pedantic(ways()[what], rounds=3, warmup_rounds=1)


def main():
    """Print seconds of the step, of its passes and of the plain step, the share and the ratio."""
    automatic = pick_precision("auto", pick_device("auto"), 3)
    for precision in ["fp32"] + ["bf16"] * (automatic == torch.bfloat16):
        step, passes, plain = in_turns(ways(precision).values(), 3)
        print(
            f"{precision}: step {step:.2f} s, passes {passes:.2f} s, share {passes / step:.0%}; "
            f"plain {plain:.2f} s, ratio {plain / step:.2f}"
        )


if __name__ == "__main__":
    main()
