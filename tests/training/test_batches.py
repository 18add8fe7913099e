import multiprocessing
import os
import resource
import signal
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from support.naming import names

from nucleizoo.api import load_config
from nucleizoo.contracts import Augment, Dataset, Sample
from nucleizoo.core.errors import ImageReadError, SynthesisError, UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DATASETS, TARGETS
from nucleizoo.training.batches import KEYS, Batches
from nucleizoo.training.workers import stream, workers_watched

load_plugins()
TOY = "configs/toy"


@pytest.fixture(autouse=True)
def from_the_checkout(monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)


def toy(folder, *pairs, config="adgan_2d"):
    return Batches.of(load_config(f"{TOY}/{config}.yaml", ["DATASET.ROOT", str(folder), *pairs]))


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Noise(Dataset):
    """Pictures of noise; every draw is written down."""

    gives = frozenset({"image"})

    def sample(self, rng, size):
        return Sample(image=rng.uniform(-1, 1, (1, *size)).astype(np.float32))


class Dots(Dataset):
    """Labels alone: one voxel of nucleus at a random place."""

    gives = frozenset({"labels"})

    def sample(self, rng, size):
        labels = np.zeros(size, np.int32)
        labels[tuple(rng.integers(0, size))] = 1
        return Sample(labels=labels)


class Pairs(Dataset):
    """A picture with a cleaner copy, and its labels."""

    gives = frozenset({"image", "labels"})

    def sample(self, rng, size):
        clean = rng.uniform(-1, 1, (1, *size)).astype(np.float32)
        return Sample(image=-clean, labels=(clean[0] > 0).astype(np.int32), clean=clean)


class Nothing(Augment):
    def __call__(self, sample, rng, size):
        return sample


def made(source, *, seed=1, batch=3, target="mask", size=(6, 8)):
    part = TARGETS.recipe(target)
    return Batches(Noise(), source, Nothing(), part(), size=size, batch=batch, seed=seed)


def test_a_source_of_labels_gives_maps_and_their_picture():
    batch = made(Dots())[0]
    assert set(batch) == {"image", "image_clean", "source", "source_clean", "maps"}
    assert all(value.shape == (3, 1, 6, 8) and value.dtype == torch.float32 for value in batch.values())
    assert set(batch["maps"].unique().tolist()) == {0.0, 1.0} and batch["maps"].sum() == 3
    assert torch.equal(batch["source"], 2 * batch["maps"] - 1)


def test_a_source_of_pairs_gives_its_own_picture_and_the_clean_one():
    batch = made(Pairs())[0]
    assert torch.equal(batch["source"], -batch["source_clean"])
    assert torch.equal(batch["maps"], (batch["source_clean"] > 0).float())
    assert torch.equal(batch["image"], batch["image_clean"])


def test_a_source_of_pictures_alone_has_no_maps():
    assert set(made(Noise())[0]) == {"image", "image_clean", "source", "source_clean"}


def test_every_crop_of_every_iteration_and_domain_differs():
    two = made(Noise())
    crops = [crop for i in range(3) for key in ("image", "source") for crop in two[i][key]]
    assert len({crop.numpy().tobytes() for crop in crops}) == 3 * 2 * 3


def test_a_batch_depends_on_its_iteration_and_the_seed_alone():
    one, again, other = made(Pairs()), made(Pairs()), made(Pairs(), seed=2)
    one[7], one[3]
    assert equal(one[5], again[5])
    assert not equal(one[5], again[6]) and not equal(one[5], other[5])


def test_a_larger_batch_begins_with_the_smaller_one():
    small, large = made(Pairs(), batch=2)[4], made(Pairs(), batch=5)[4]
    assert equal(small, {key: value[:2] for key, value in large.items()})


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_the_stream_is_the_same_whatever_the_number_of_workers(toy_images, workers):
    batches = toy(toy_images / "images")
    before = torch.get_rng_state()
    streamed = list(stream(batches, 3, 8, workers))
    assert len(streamed) == 5
    assert all(equal(batch, batches[i]) for i, batch in enumerate(streamed, 3))
    assert torch.equal(before, torch.get_rng_state())  # or a resumed training would go on elsewhere


def test_the_stream_of_a_finished_training_is_empty(toy_images):
    assert list(stream(toy(toy_images / "images"), 6, 6, 0)) == []


@pytest.mark.parametrize(("config", "folder", "size"), [
    ("adgan_2d", "images", (32, 32)), ("adgan_ins_2d", "images", (32, 32)),
    ("adgan_3d", "volumes", (8, 16, 16)),
])  # fmt: skip
def test_toy_batches_have_their_sizes_and_ranges(toy_images, config, folder, size):
    batches = toy(toy_images / folder, config=config)
    assert set(batches[0]) == {"image", "source"}  # all that AD-GAN reads
    batches.needs = KEYS
    batch = batches[0]
    assert set(batch) == KEYS
    for key, value in batch.items():
        assert value.shape == (2, 1, *size) and value.dtype == torch.float32
        assert value.min() >= (0 if key == "maps" else -1) and value.max() <= 1
    assert batch["image"].std() > 0.05 and batch["source"].max() == 1 and batch["source"].min() == -1
    levels = {0.0, 0.5, 1.0} if config == "adgan_ins_2d" else {0.0, 1.0}
    assert set(batch["maps"].unique().tolist()) == levels


def test_fewer_images_than_the_batch_wants(toy_images, tmp_path):
    picture = Image.open(toy_images / "images" / "cell0.png")
    picture.save(tmp_path / "alone.png")
    batch = toy(tmp_path, "SOLVER.BATCH", "5")[0]
    assert batch["image"].shape == (5, 1, 32, 32)
    assert len({crop.numpy().tobytes() for crop in batch["image"]}) == 5


def test_an_image_smaller_than_the_crop_goes_on_as_its_mirror_image(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (20, 9)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "small.png")
    batch = toy(tmp_path, "DATASET.AUGMENT.ROTATE", "0", "DATASET.AUGMENT.FLIP", "0")[0]
    crop = batch["image"][0, 0].numpy()
    assert crop.shape == (32, 32)
    values = 2 * (picture / 255.0 - picture.min() / 255) / (np.ptp(picture) / 255) - 1
    assert np.isclose(np.unique(crop)[:, None], np.unique(values), atol=1e-5).any(axis=1).all()
    # along x the picture comes forth and back with a period of twice its width
    np.testing.assert_array_equal(crop[:, 18:], crop[:, : 32 - 18])


def test_what_cannot_be_drawn_shows_at_the_start(toy_images):
    with pytest.raises(SynthesisError, match="SEMI_AXIS"):
        toy(toy_images / "images", "DATASET.SOURCE.SEMI_AXIS", "[150, 160]")


class Damaged(Noise):
    """A source that finds, after a while, that a file is no longer as it was."""

    def sample(self, rng, size):
        raise ImageReadError("cell3.png: is gone")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_that_the_user_can_mend_is_told_without_a_traceback(workers):
    with pytest.raises(ImageReadError) as caught:
        list(stream(made(Damaged()), 1, 20, workers))
    assert str(caught.value) == "cell3.png: is gone"


class Deadly(Noise):
    """A source that is out of memory, as far as the kernel is concerned."""

    def sample(self, rng, size):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_told_with_the_ways_out():
    with pytest.raises(UserError) as caught, workers_watched():
        list(stream(made(Deadly()), 1, 20, 1))
    for word in ("DataLoader worker", "memory", "SYSTEM.WORKERS", "DATASET.SIZE", "CACHE_GB", "--shm-size"):
        assert word in str(caught.value)


class Cramped(Noise):
    """A source whose process can share no memory."""

    def sample(self, rng, size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return super().sample(rng, size)


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is a file there")
def test_too_little_shared_memory_ends_the_training_and_is_told_with_the_ways_out():
    with pytest.raises(UserError) as caught:
        list(stream(made(Cramped()), 1, 20, 1))
    names(caught.value, "shared memory", "batch", "--shm-size", "SYSTEM.WORKERS 0", "SOLVER.BATCH")
    assert not multiprocessing.active_children()


def test_other_errors_pass_the_watch():
    with pytest.raises(RuntimeError, match="out of memory"), workers_watched():
        raise RuntimeError("CUDA out of memory; DataLoader worker (pid 3)")


def test_workers_outlive_a_signal_to_the_whole_job_and_end_with_the_stream(toy_images):
    coming = stream(toy(toy_images / "images"), 0, 1000, 2)
    for _ in range(2):
        next(coming)  # one from each, so both are at work
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    for number in (signal.SIGINT, signal.SIGTERM):
        for worker in workers:
            os.kill(worker.pid, number)
    time.sleep(0.1)
    for _ in range(20):
        next(coming)
    assert all(worker.is_alive() for worker in workers)
    coming.close()
    assert not multiprocessing.active_children()


PLUGIN = """
from nucleizoo import DATASETS

@DATASETS.register("mine")
class Mine(DATASETS.get("images")):
    "A class that no other process can import."
"""


@pytest.fixture
def forkserver():
    """Start processes from one that holds nothing of this one's, as macOS and Windows do."""
    usual = multiprocessing.get_start_method()
    multiprocessing.set_forkserver_preload(["nucleizoo.api", "nucleizoo.registry"])  # for speed
    multiprocessing.set_start_method("forkserver", force=True)
    yield
    multiprocessing.set_start_method(usual, force=True)


def test_workers_that_are_not_forked_know_the_plugins_and_give_the_same(
    toy_images, tmp_path, monkeypatch, forkserver
):
    monkeypatch.setattr(DATASETS, "_entries", dict(DATASETS._entries))  # for this test alone
    (tmp_path / "mine.py").write_text(PLUGIN)
    words = ["DATASET.ROOT", str(toy_images / "images"), "DATASET.IMAGE.NAME", "mine"]
    config = load_config(f"{TOY}/adgan_2d.yaml", words, [str(tmp_path / "mine.py")])
    coming = stream(Batches.of(config), 3, 5, 1, config.SYSTEM.PLUGINS)
    usual = toy(toy_images / "images")
    assert [equal(batch, usual[i]) for i, batch in enumerate(coming, 3)] == [True, True]
