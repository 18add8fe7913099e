"""CySGAN's training step: how much of it is the six passes through the generators, and the rest.

make bench                                     all benchmarks
python tests/benchmarks/test_cysgan_step.py    share of the passes, in fp32 and (with the hardware) bf16
"""

import pytest
import torch
from timing import seconds
from yacs.config import CfgNode

from nucleizoo import DISCRIMINATORS, GENERATORS, METHODS, TARGETS, Task
from nucleizoo.core.plugins import load_plugins
from nucleizoo.defaults import DEFAULTS
from nucleizoo.engine.trainer import Trainer
from nucleizoo.ops.device import autocast, pick_device, pick_precision

load_plugins()

SIZE = (17, 129, 129)  # the paper's crop, with a quarter of its channels and half of its batch of 4
WIDTH, BATCH = 8, 2


def step_and_passes(precision="auto"):
    """The whole step, and its six passes alone, forwards and backwards; functions without arguments."""
    torch.manual_seed(0)
    critic = DISCRIMINATORS.part("strided", width=2 * WIDTH)
    method = METHODS.get("cysgan")(
        Task(1, 1, 3, TARGETS.part("bcd")(), source_pictures=True),
        generator=GENERATORS.part("unet", width=WIDTH),
        discriminator=critic,
        map_discriminator=critic,
    )
    solver = dict(DEFAULTS["SOLVER"]) | {"NAME": "adamw"}
    trainer = Trainer(
        method, CfgNode({"SYSTEM": {"DEVICE": "auto", "PRECISION": precision}, "SOLVER": solver})
    )
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

    return (lambda: trainer.step(batch)), passes


@pytest.mark.benchmark(group="CySGAN step, two crops of 17x129x129")
@pytest.mark.parametrize("what", ["step", "passes"])
def test_step(benchmark, what):
    benchmark.pedantic(step_and_passes()[what == "passes"], rounds=3, warmup_rounds=1)


def main():
    """Print seconds of the step and of its passes, and the share."""
    automatic = pick_precision("auto", pick_device("auto"), 3)
    for precision in ["fp32"] + ["bf16"] * (automatic == torch.bfloat16):
        step, passes = (seconds(work, 3) for work in step_and_passes(precision))
        print(f"{precision}: step {step:.2f} s, passes {passes:.2f} s, share {passes / step:.0%}")


if __name__ == "__main__":
    main()
