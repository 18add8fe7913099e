"""What BCD costs: a crop's target while training, and the nuclei of a volume after it."""

import numpy as np
import pytest
from scipy import ndimage

from nucleizoo import DECODERS, TARGETS
from nucleizoo.core.plugins import load_plugins
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels import distance
from nucleizoo.ops.synthesis.ellipsoids import place

load_plugins()


@pytest.fixture(scope="module")
def crop():
    labels = place(np.random.default_rng(0), (32, 96, 96), semi_axis=(7, 11), count=(56, 56))
    assert labels.max() == 56
    return labels


@pytest.mark.benchmark(group="target bcd of a 32x96x96 crop with 56 nuclei")
@pytest.mark.parametrize("transform", ["edt", "scipy"])
def test_encoding(benchmark, monkeypatch, crop, transform):
    if transform == "edt":
        pytest.importorskip("edt")
    else:
        monkeypatch.setattr(distance, "edt", None)
    target = TARGETS.recipe("bcd")()
    benchmark.pedantic(lambda: target.encode(crop), rounds=40, warmup_rounds=2)


@pytest.mark.benchmark(group="target bcd of a 32x96x96 crop with 56 nuclei")
def test_encoding_by_whole_arrays(benchmark, crop):
    """The usual form: for every nucleus a distance transform of the whole crop. The distance alone."""

    def work():
        made = np.full(crop.shape, -1, np.float32)
        for label in range(1, crop.max() + 1):
            inside = crop == label
            depth = ndimage.distance_transform_edt(inside)
            made[inside] = depth[inside] / depth.max()
        return made

    benchmark.pedantic(work, rounds=5, warmup_rounds=1)


@pytest.fixture(scope="module")
def predicted():
    """Maps of 128x256x256 voxels and 900 nuclei as a network might give them: blurred and noisy."""
    rng = np.random.default_rng(0)
    target = TARGETS.recipe("bcd")()
    labels = place(rng, (128, 256, 256), semi_axis=(8, 11), count=(900, 900))
    assert labels.max() == 900
    maps = target.encode(labels)
    for one in maps:
        one[:] = ndimage.gaussian_filter(one + rng.normal(0, 0.2, one.shape).astype(np.float32), 1)
    maps[:2] = maps[:2].clip(0, 1)
    return dict(zip(target.names, maps, strict=True))


@pytest.mark.benchmark(group="decoder bcd on 128x256x256 voxels with 900 nuclei")
@pytest.mark.parametrize("landscape", ["binary", "distance"])
@pytest.mark.parametrize("watershed", ["frontier", "skimage"])
def test_decoding(benchmark, predicted, watershed, landscape):
    # thresholds halfway between the two sides, where a blurred edge stays in its place
    halfway = {"seed_contour": 0.5, "foreground": 0.5, "foreground_distance": -0.5}
    decoder = DECODERS.recipe("bcd", watershed=watershed, landscape=landscape, **halfway)()
    labels = benchmark.pedantic(lambda: decoder(predicted), rounds=5, warmup_rounds=1)
    benchmark.extra_info["nuclei"] = int(labels.max())


@pytest.mark.benchmark(group="decoder bcd on 128x256x256 voxels with 900 nuclei")
def test_decoding_as_in_pytorch_connectomics(benchmark, predicted):
    """Its present form: mahotas floods everything, and what is not foreground is taken away afterwards."""
    mahotas = pytest.importorskip("mahotas")
    rules = DECODERS.recipe("bcd", seed_contour=0.5, foreground=0.5, foreground_distance=-0.5)().rules(
        Voxels(3)
    )

    def work():
        seeds, _ = ndimage.label(rules.seeds.where(predicted), np.ones((3, 3, 3)))
        labels = mahotas.cwatershed(-predicted["binary"].astype(np.float64), seeds)
        labels[~rules.foreground(predicted)] = 0
        return labels

    labels = benchmark.pedantic(work, rounds=1)
    benchmark.extra_info["nuclei"] = int(labels.max())
