"""What prediction by blocks costs beside the network, and decoding by blocks beside decoding at once."""

import multiprocessing
from collections import deque
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from nucleizoo import DECODERS
from nucleizoo.blockwise.decode.decoding import Decoding
from nucleizoo.blockwise.maps.sliding_window import slide_column
from nucleizoo.blockwise.maps.tiling import Tiling
from nucleizoo.blockwise.step import run_steps
from nucleizoo.core.plugins import load_plugins
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.memory import forget_peak, peak, resident
from nucleizoo.ops.nn.sliding_window import slide
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()

SHAPE, WINDOW = (48, 192, 192), (32, 96, 96)
LARGE = (96, 384, 384)


@pytest.fixture(scope="module")
def network():
    """A small 3D network with three maps."""
    torch.manual_seed(0)
    layers = [nn.Conv3d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv3d(12, 3, 3, padding=1), nn.Sigmoid()]
    return nn.Sequential(*layers).eval()


@pytest.fixture(scope="module")
def picture():
    return torch.rand(1, 1, *SHAPE)


def monai_window(network, picture):
    inferers = pytest.importorskip("monai.inferers")
    return lambda: inferers.sliding_window_inference(
        picture, WINDOW, 1, network, overlap=0.5, mode="gaussian"
    )


def streamed(network, picture):
    shape = tuple(picture.shape[2:])
    tiling, all_of_it = Tiling(shape, WINDOW, 0.5), tuple(slice(0, n) for n in shape[1:])
    read = lambda box: picture[0].numpy()[(slice(None), *box)]  # noqa: E731
    return lambda: deque(slide_column(network, read, tiling, all_of_it), maxlen=0)


def tiles_alone(network, picture):
    tile = picture[..., :32, :96, :96].contiguous()
    return lambda: [network(tile) for _ in range(len(Tiling(SHAPE, WINDOW, 0.5)))]


WAYS = {
    "the network alone, on as many windows": tiles_alone,
    "streamed": streamed,
    "in memory": lambda network, picture: lambda: slide(network, picture, WINDOW, 0.5),
    "MONAI": monai_window,
}


@pytest.mark.benchmark(group="18 windows of 32x96x96, 3 maps, overlap 0.5")
@pytest.mark.parametrize("way", WAYS)
@torch.no_grad()
def test_windows(benchmark, network, picture, way):
    benchmark.pedantic(WAYS[way](network, picture), rounds=5, warmup_rounds=1)


def free(tiles):
    """Three maps that cost nothing: what is left is cutting, blending and stitching."""
    return tiles.repeat(1, 3, 1, 1, 1)


@pytest.mark.benchmark(group="cutting and blending alone, 18 windows of 32x96x96, 3 maps, overlap 0.5")
@pytest.mark.parametrize("way", ["streamed", "in memory", "MONAI"])
@torch.no_grad()
def test_blending(benchmark, picture, way):
    benchmark.pedantic(WAYS[way](free, picture), rounds=15, warmup_rounds=1)


@torch.no_grad()
def memory_of(way):
    """Bytes that a way takes at most, beside the picture, on a volume eight times as large."""
    torch.set_num_threads(1)
    work = WAYS[way](free, torch.rand(1, 1, *LARGE))
    before = resident()
    forget_peak()
    work()
    return peak() - before


@pytest.mark.benchmark(group="memory of cutting and blending, three maps of 96x384x384 voxels")
@pytest.mark.parametrize("way", ["streamed", "in memory", "MONAI"])
def test_blending_memory(benchmark, way):
    if way == "MONAI":
        pytest.importorskip("monai")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        most = benchmark.pedantic(lambda: alone.submit(memory_of, way).result(), rounds=1)
    benchmark.extra_info["peak"] = most


@pytest.fixture(scope="module")
def maps():
    """Maps of 64x512x512 voxels full of nuclei."""
    rng = np.random.default_rng(0)
    labels = place(rng, (64, 256, 256), semi_axis=(8, 11), count=(500, 500))
    depth = ndimage.distance_transform_edt(labels > 0)
    soft = np.tile(np.clip(depth / 6, 0, 1).astype(np.float32), (1, 2, 2))
    return {"binary": soft, "contour": 1 - soft, "distance": 2 * soft - 1}


RULES = {"seed_binary": 0.8, "seed_contour": 0.9, "foreground": 0.2, "foreground_distance": -0.7}


@pytest.mark.benchmark(group="decoder bcd on 64x512x512 voxels")
@pytest.mark.parametrize("block", [(64, 512, 512), (64, 256, 256), (32, 128, 128)])
def test_decoding_by_blocks(benchmark, maps, tmp_path, block):
    grid, rules = Grid((64, 512, 512), block), DECODERS.recipe("bcd", **RULES)().rules(Voxels(3))
    folders = iter(range(1000))

    def work():
        read = lambda box: {name: one[box] for name, one in maps.items()}  # noqa: E731
        decoding = Decoding(rules, read, grid, tmp_path / str(next(folders)), (16,) * 3)
        for _ in run_steps(decoding.steps):
            pass

    benchmark.pedantic(work, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="decoder bcd on 64x512x512 voxels")
def test_decoding_at_once(benchmark, maps):
    decoder = DECODERS.recipe("bcd", **RULES)()
    benchmark.pedantic(lambda: decoder(maps), rounds=3, warmup_rounds=1)
