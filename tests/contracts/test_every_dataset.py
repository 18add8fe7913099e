"""Every dataset keeps its contract: a new one, of a plugin too, is tested here unasked.

An entry that needs files gets them from `FILES`; every other one must open with its defaults.
"""

import pickle
import random
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import tifffile
import torch
from support.drawn import drawn, drawn_elsewhere
from support.forked import SERVER
from support.toy_picture import toy_picture

from nucleizoo import DATASETS, api, build
from nucleizoo.contracts import DataSpec
from nucleizoo.core.plugins import load_plugins
from nucleizoo.runs import Run, weights_of

load_plugins()

SIZES = {2: [(64, 48), (48, 80), (97, 61)], 3: [(40, 40, 48), (33, 48, 40)]}
"""Crops to ask for, some of them larger than the pictures in the files."""
PICTURE = {2: (70, 90), 3: (24, 44, 44)}


def folders(root, dims):
    """`images` and `labels`, two of each; the root of what is relative."""
    for name in ("images", "labels"):
        (root / name).mkdir()
    for i in range(2):
        labels, picture = toy_picture(i, PICTURE[dims], np.uint8)
        tifffile.imwrite(root / "images" / f"{i}.tif", picture)
        tifffile.imwrite(root / "labels" / f"{i}.tif", labels.astype(np.uint16))


def finished_run(root, dims):
    """A run that has not learnt anything, but has ended."""
    size = {2: [24, 24], 3: [8, 16, 16]}[dims]
    (root / "run.yaml").write_text(
        f"DATASET: {{SIZE: {size}, SOURCE: {{NAME: synthetic, SEMI_AXIS: [3, 5], COUNT: [2, 4]}}}}\n"
        "METHOD:\n  NAME: cyclegan\n  GENERATOR: {NAME: resnet, WIDTH: 4, BLOCKS: 1}\n"
        "  DISCRIMINATOR: {WIDTH: 4, BLOCKS: 1}\n"
        "SOLVER: {TOTAL: 2}\nSYSTEM: {DEVICE: cpu}\n"
    )
    run = Run(root / "run", api.load_config(root / "run.yaml")).create()
    run.save({"iteration": 2}, weights_of(build.method(run.config)))
    return str(root / "run")


def images(root, dims):
    return {"path": "images"}


def labelled(root, dims):
    return {"images": "images", "labels": "labels"}


def one_of_each(source, reference):
    def settings(root, dims):
        parts = {"source": source, "reference": reference}
        return {key: DATASETS.recipe(name, **FILES[name](root, dims)) for key, name in parts.items()} | {
            "draws": 2
        }

    return settings


FILES = {
    "images": images,
    "labelled": labelled,
    "matched": one_of_each("labelled", "images"),
    "matched_images": one_of_each("images", "labelled"),
    "mixed": lambda root, dims: {"first": DATASETS.recipe("labelled", **labelled(root, dims))},
    "translated": lambda root, dims: {"run": finished_run(root, dims), "count": 2},
}
"""Entry -> its settings, given a folder with `images` and `labels` and the number of dimensions."""


@pytest.fixture(
    scope="module", params=[(name, dims) for name in DATASETS.names() for dims in (2, 3)], ids=str
)
def opened(request, tmp_path_factory):
    """A dataset, and the sizes to ask it for."""
    name, dims = request.param
    root = tmp_path_factory.mktemp(name)
    folders(root, dims)
    spec = DataSpec(dims, root=root, size=SIZES[dims][0])
    if name in FILES:
        return DATASETS.recipe(name, **FILES[name](root, dims))(spec), SIZES[dims]
    try:
        return DATASETS.recipe(name)(spec), SIZES[dims]
    except Exception as error:
        pytest.fail(
            f"the dataset '{name}' does not open with its defaults in {dims}D: {error!r}. If it needs files "
            f"or settings, add it to FILES in {__file__}: a function of a folder that returns its settings"
        )


@pytest.fixture(scope="module")
def another_process():
    with ProcessPoolExecutor(1, SERVER) as pool:
        yield pool


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def global_state():
    return random.getstate(), pickle.dumps(np.random.get_state()), bytes(torch.get_rng_state().numpy())


def test_a_sample_is_drawn_from_its_generator_and_from_nothing_else(opened):
    dataset, (size, *_) = opened
    samples = {}
    for world in (1, 2):
        seed_everything(world)
        before = global_state()
        samples[world] = [drawn(dataset, seed, size) for seed in range(3)]
        assert global_state() == before, "it uses up random numbers of the whole program"
    assert samples[1] == samples[2]
    assert any(one != samples[1][0] for one in samples[1][1:]), (
        "whatever the generator, the sample is the same"
    )


def test_a_sample_has_the_size_asked_for_and_what_the_entry_says_it_gives(opened):
    dataset, sizes = opened
    assert dataset.gives and dataset.gives <= {"image", "labels"}
    for seed, size in enumerate(sizes):
        sample = dataset.sample(np.random.default_rng(seed), size)
        assert_promised(dataset, sample)
        for part in (sample.image, sample.labels, sample.clean):
            assert part is None or part.shape[-len(size) :] == size


def test_a_sample_at_most_is_no_larger_than_asked_for(opened):
    dataset, sizes = opened
    for seed, size in enumerate(sizes):
        sample, again = (dataset.sample_at_most(np.random.default_rng(seed), size) for _ in range(2))
        assert_promised(dataset, sample)
        for part, twin in ((sample.image, again.image), (sample.labels, again.labels)):
            assert part is None or np.array_equal(part, twin)
            assert part is None or all(
                0 < n <= m for n, m in zip(part.shape[-len(size) :], size, strict=True)
            )


def assert_promised(dataset, sample):
    """Types, ranges and axes of `contracts.Sample`; the parts are of one size."""
    given = {name for name in ("image", "labels") if getattr(sample, name) is not None}
    assert given == dataset.gives
    shapes = set()
    for picture in (sample.image, sample.clean):
        if picture is not None:
            assert picture.dtype == np.float32 and picture.shape[0] == 1
            assert np.isfinite(picture).all() and np.abs(picture).max() <= 1
            shapes.add(picture.shape[1:])
    if sample.labels is not None:
        assert sample.labels.dtype == np.int32 and sample.labels.min() >= 0
        shapes.add(sample.labels.shape)
    assert len(shapes) == 1
    assert len(sample.spacing) in (0, len(shapes.pop()))


def test_a_copy_in_another_process_draws_the_same(opened, another_process):
    dataset, sizes = opened
    for seed, size in enumerate(sizes):
        here = drawn(dataset, seed, size)
        assert another_process.submit(drawn_elsewhere, pickle.dumps(dataset), seed, size).result() == here
