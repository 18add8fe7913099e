"""What a voxel costs in the 3D network of CySGAN: operations, counted, and one core's time, measured.

python tests/benchmarks/network_cost.py
"""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from nucleizoo import GENERATORS
from nucleizoo.core.plugins import load_plugins

load_plugins()

COUNTED, TIMED = (33, 257, 257), (17, 129, 129)


def operations(width):
    """Multiplications and additions a voxel, without computing any."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        GENERATORS.recipe("unet", width=width)(1, 4, 3)(torch.zeros(1, 1, *COUNTED))
    return counter.get_total_flops() / torch.Size(COUNTED).numel()


def voxels_a_second(width):
    """On one core, float32, processor time."""
    network = GENERATORS.recipe("unet", width=width)(1, 4, 3).eval().to(memory_format=torch.channels_last_3d)
    window = torch.randn(1, 1, *TIMED)
    network(window)
    begun = time.process_time()
    network(window)
    return window.numel() / (time.process_time() - begun)


@torch.no_grad()
def main():
    """Print both for the paper's width and a quarter of it."""
    torch.set_num_threads(1)
    for width in (32, 8):
        print(
            f"unet, width {width}: {operations(width) / 1e3:.0f} kflop a voxel, "
            f"{voxels_a_second(width) / 1e6:.2f} million voxels a second"
        )


if __name__ == "__main__":
    main()
