"""AD-GAN's training step against the published way of computing it, timed in one run.

make bench                                     all benchmarks
python tests/benchmarks/test_adgan_step.py     the table of ratios, widths 16, 32 and 64
"""

import copy

import pytest
import torch
from plain_adgan import PlainADGAN
from timing import seconds

from nucleizoo import DISCRIMINATORS, GENERATORS, METHODS, TARGETS, Task
from nucleizoo.core.plugins import load_plugins
from nucleizoo.engine.trainer import Trainer
from nucleizoo.ops.device import pick_device, pick_precision

load_plugins()

WIDTHS = (16, 32, 64)
BATCH, CROP = 4, 128


def both(width, precision="auto", device="auto"):
    """The plain step and ours, each a function without arguments, on networks of equal weights."""
    from yacs.config import CfgNode

    from nucleizoo.defaults import DEFAULTS

    torch.manual_seed(0)
    method = METHODS.get("adgan")(
        Task(1, 1, 2, TARGETS.part("mask")()),
        generator=GENERATORS.part("adain", width=width, style_width=64),
        discriminator=DISCRIMINATORS.part("domain", width=width, full_map=False),
    )
    place = pick_device(device)
    image = torch.rand(BATCH, 1, CROP, CROP, device=place) * 2 - 1
    mask = (torch.rand(BATCH, 1, CROP, CROP, device=place) > 0.5).float() * 2 - 1
    plain = PlainADGAN(copy.deepcopy(method).to(place))
    config = CfgNode({
        "SYSTEM": {"DEVICE": device, "PRECISION": precision},
        "SOLVER": dict(DEFAULTS["SOLVER"]),
    })  # fmt: skip
    trainer = Trainer(method, config)
    return (lambda: plain.step(image, mask)), (lambda: trainer.step({"image": image, "source": mask}))


@pytest.mark.benchmark(group="AD-GAN step, batch 4, 128x128")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("way", ["plain", "ours"])
def test_step(benchmark, width, way):
    step = both(width)[way == "ours"]
    benchmark.pedantic(step, rounds=3, warmup_rounds=1)


def main():
    """Print seconds of both and their ratio, in the precision that `auto` picks and in fp32."""
    automatic = pick_precision("auto", pick_device("auto"), 2)
    print(
        f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, auto is {automatic}"
    )
    for precision in ["fp32"] + ["bf16"] * (automatic == torch.bfloat16):
        for width in WIDTHS:
            plain, ours = (seconds(step, 5) for step in both(width, precision))
            times = f"plain {plain:.3f} s, ours {ours:.3f} s, ratio {plain / ours:.2f}"
            print(f"{precision} width {width}: {times}")


if __name__ == "__main__":
    main()
