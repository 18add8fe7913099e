"""AD-GAN's training step against the published way of computing it, timed in one run.

make bench                                     all benchmarks
python tests/benchmarks/test_adgan_step.py     the table of ratios, 2D and 3D, widths 16 to 64
"""

import copy

import pytest
import torch
from support.plain_adgan import PlainADGAN
from support.timing import in_turns

from nucleizoo import DISCRIMINATORS, GENERATORS, METHODS, TARGETS, Task
from nucleizoo.core.plugins import load_plugins
from nucleizoo.ops.nn.device import pick_device, pick_precision
from nucleizoo.training.trainer import Trainer

load_plugins()

CROPS = {2: (4, 1, 128, 128), 3: (2, 1, 32, 64, 64)}
CASES = [(2, 16), (2, 32), (2, 64), (3, 16), (3, 32)]  # dimensions and width; the paper's are 64, in 3D 32


def both(dims, width, precision="auto", device="auto"):
    """The plain step and ours, each a function without arguments, on networks of equal weights."""
    from nucleizoo.core.config import loads
    from nucleizoo.defaults import DEFAULTS

    torch.manual_seed(0)
    method = METHODS.get("adgan")(
        Task(1, 1, dims, TARGETS.recipe("mask")()),
        generator=GENERATORS.recipe("adain", width=width, style_width=64),
        discriminator=DISCRIMINATORS.recipe("domain", width=width, full_map=False),
    )
    place = pick_device(device)
    image = torch.rand(CROPS[dims], device=place) * 2 - 1
    mask = (torch.rand(CROPS[dims], device=place) > 0.5).float() * 2 - 1
    plain = PlainADGAN(copy.deepcopy(method).to(place))
    text = f"{{METHOD: {{NAME: adgan}}, SYSTEM: {{DEVICE: {device}, PRECISION: {precision}}}}}"
    config = loads(text, defaults=DEFAULTS)
    trainer = Trainer(method, config)
    return (lambda: plain.step(image, mask)), (lambda: trainer.step({"image": image, "source": mask}))


@pytest.mark.benchmark(group="AD-GAN step, four crops of 128x128 or two of 32x64x64")
@pytest.mark.parametrize(("dims", "width"), CASES)
@pytest.mark.parametrize("way", ["plain", "ours"])
def test_step(benchmark, dims, width, way):
    step = both(dims, width)[way == "ours"]
    benchmark.pedantic(step, rounds=3, warmup_rounds=1)


def main():
    """Print seconds of both and their ratio, in fp32 and in the precision that `auto` picks."""
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    for dims, width in CASES:
        automatic = pick_precision("auto", pick_device("auto"), dims)
        for precision in ["fp32"] + ["bf16"] * (automatic == torch.bfloat16):
            plain, ours = in_turns(both(dims, width, precision), 3)
            times = f"plain {plain:.3f} s, ours {ours:.3f} s, ratio {plain / ours:.2f}"
            print(f"{dims}D, width {width}, {precision}: {times}")


if __name__ == "__main__":
    main()
