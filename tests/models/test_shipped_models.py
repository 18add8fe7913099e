"""Models on a shelf of our own, packed from a run that has learnt nothing; and those that ship."""

import json
import shutil

import h5py
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import load_file
from support.naming import names

from nucleizoo import api, build, models
from nucleizoo.cli import main
from nucleizoo.core.errors import UserError
from nucleizoo.runs import Run, weights_of

CONFIG = (
    "DATASET: {{SIZE: {size}, SOURCE: {{NAME: randomised}}}}\n"
    "TARGET: {{NAME: bcd}}\n"
    "METHOD: {{NAME: supervised, NETWORK: {{NAME: unet_classic, WIDTH: 2, STAGES: 2}}}}\n"
    "SOLVER: {{TOTAL: 2}}\nSYSTEM: {{DEVICE: cpu}}\n"
    "INFERENCE: {{NOMINAL_DIAMETER: 16, DECODER: {{NAME: peaks}}}}\n"
)


def run_of(folder, size):
    folder.mkdir(parents=True)
    (folder / "c.yaml").write_text(CONFIG.format(size=size))
    run = Run(folder / "run", api.load_config(folder / "c.yaml")).create()
    run.save({"iteration": 2}, weights_of(build.method(run.config)))
    return run


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """nuclei_2d and nuclei_3d."""
    place = tmp_path / "shelf"
    monkeypatch.setattr("nucleizoo.models.shelf.SHELF", place)
    for dims, size in ((2, [16, 16]), (3, [4, 8, 8])):
        run = run_of(tmp_path / f"run{dims}", size)
        models.pack(
            run, place / f"nuclei_{dims}d", about="Nuclei.", command="train", scores={"a": {"f1": 0.5}}
        )
    return place


def test_a_packed_model_has_half_the_bytes_and_the_weights_of_its_run(shelf, tmp_path):
    weights = load_file(tmp_path / "run2" / "run" / "weights.safetensors")
    packed = load_file(shelf / "nuclei_2d" / "weights.safetensors")
    assert weights.keys() == packed.keys()
    for name, one in weights.items():
        np.testing.assert_allclose(packed[name].float(), one.float(), rtol=1e-3, atol=1e-7)
    opened = Run.open(shelf / "nuclei_2d").method()
    assert all(value.dtype == weights[name].dtype for name, value in weights_of(opened).items())


def test_a_model_can_be_the_mean_of_a_run_and_of_what_it_started_from(shelf, tmp_path):
    run = Run.open(tmp_path / "run2" / "run")
    later = {
        name: value + 2 if value.is_floating_point() else value
        for name, value in weights_of(run.method()).items()
    }
    after = Run(tmp_path / "after", run.config).create()
    after.save({"iteration": 2}, later)
    models.pack(after, tmp_path / "mean", about="Nuclei.", command="train", scores={}, before=run)
    packed = load_file(tmp_path / "mean" / "weights.safetensors")
    for name, one in load_file(run.path / "weights.safetensors").items():
        wanted = one.float() + 1 if one.is_floating_point() else one.float()
        np.testing.assert_allclose(packed[name].float(), wanted, rtol=2e-3, atol=1e-6)


def test_the_card_says_where_it_comes_from(shelf):
    card = models.shipped()["nuclei_3d"]
    assert (card.dims, card.steps, card.command, card.scores) == (3, 2, "train", {"a": {"f1": 0.5}})
    assert card.sha256 == models.card.digest(shelf / "nuclei_3d" / "weights.safetensors")
    assert "synthetic" in card.licence and card.date


def test_a_family_is_the_model_for_images_or_for_volumes(shelf):
    assert models.suited("nuclei", 2) == "nuclei_2d" and models.suited("nuclei", 3) == "nuclei_3d"
    assert models.suited("nuclei_3d", 2) == "nuclei_3d"


def test_an_unknown_model_is_told_with_the_nearest(shelf):
    with pytest.raises(UserError) as caught:
        models.suited("nucleus", 2)
    names(caught.value, "nucleus", "nuclei", "--run")


def test_damaged_weights_are_refused(shelf):
    file = shelf / "nuclei_2d" / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        models.named("nuclei_2d")
    names(caught.value, file, "damaged")


def test_a_card_of_another_version_is_refused(shelf):
    file = shelf / "nuclei_2d" / "card.yaml"
    file.write_text(file.read_text() + "further: 1\n")
    with pytest.raises(UserError) as caught:
        models.shipped()
    names(caught.value, file, "version")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    tifffile.imwrite(folder / "image.tif", rng.integers(0, 255, (48, 60), np.uint8), photometric="minisblack")
    tifffile.imwrite(
        folder / "volume.tif", rng.integers(0, 255, (12, 40, 44), np.uint8), imagej=True,
        metadata={"axes": "ZYX"},
    )  # fmt: skip
    return folder


def test_prediction_without_a_run_takes_what_suits_each_file(shelf, files, tmp_path, capsys):
    assert main(["predict", "--input", str(files), "--output", str(tmp_path / "out"), "--overlay"]) == 0
    told = capsys.readouterr().out
    names(told, "nuclei")
    for name, shape in (("image", (48, 60)), ("volume", (12, 40, 44))):
        assert tifffile.imread(tmp_path / "out" / f"{name}_label.tif").shape == shape


def test_a_volume_that_no_model_suits_is_named_and_images_are_predicted(shelf, files, tmp_path, capsys):
    shutil.rmtree(shelf / "nuclei_3d")
    words = ["predict", "--input", str(files), "--output", str(tmp_path / "out")]
    assert main(words) == 1
    names(capsys.readouterr().err, files / "volume.tif", "volumes", "--run", "nuclei_2d")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["image_label.tif"]
    assert main([*words, "--model", "nuclei_2d"]) == 0
    assert tifffile.imread(tmp_path / "out" / "volume_label.tif").shape == (12, 40, 44)


@pytest.mark.parametrize("size", [(1, 200), (20, 20), (21, 300), (64, 64), (150, 130), (333, 512)])
def test_images_of_any_size_and_type_are_predicted(shelf, tmp_path, size):
    rng, folder = np.random.default_rng(0), tmp_path / "images"
    folder.mkdir()
    Image.fromarray(rng.integers(0, 255, size, np.uint8)).save(folder / "bytes.png")
    for dtype in (bool, np.int16, np.uint16, np.int32, np.float32, np.float64):
        picture = (rng.normal(size=size) * 3000 > 100) if dtype is bool else rng.normal(size=size) * 3000
        tifffile.imwrite(folder / f"{np.dtype(dtype)}.tif", picture.astype(dtype), photometric="minisblack")
    made = list(api.predict(None, [folder], tmp_path / "out"))
    assert len(made) == 7
    assert all(tifffile.imread(done.result).shape == size for done in made)


def test_blocks_give_what_memory_gives(shelf, files, tmp_path):
    told = [
        "INFERENCE.WINDOW",
        "[8, 16, 16]",
        "INFERENCE.DECODER.FOREGROUND",
        "0.3",
        "INFERENCE.DECODER.LEAST",
        "-0.9",
    ]
    settings = {"model": "nuclei_3d", "overrides": told}
    (whole,) = api.predict(None, [files / "volume.tif"], tmp_path / "whole", **settings)
    (parts,) = api.predict(None, [files / "volume.tif"], tmp_path / "parts", blocks=True, **settings)
    assert whole.scale == parts.scale and whole.count == parts.count
    np.testing.assert_array_equal(tifffile.imread(whole.result), tifffile.imread(parts.result))


@pytest.mark.parametrize("blocks", [False, True])
def test_the_colour_that_shows_nuclei_is_used(shelf, files, tmp_path, blocks):
    grey = tifffile.imread(files / "image.tif")
    blue = np.stack([np.zeros_like(grey), np.zeros_like(grey), grey], axis=-1)
    tifffile.imwrite(files / "blue.tif", blue, photometric="rgb")
    low = ["INFERENCE.DECODER.FOREGROUND", "0.3", "INFERENCE.DECODER.LEAST", "-0.9"]
    told = {"model": "nuclei_2d", "blocks": blocks, "overrides": low}
    both = [files / "image.tif", files / "blue.tif"]
    first, second = (tifffile.imread(done.result) for done in api.predict(None, both, tmp_path / "o", **told))
    assert first.max() > 0
    np.testing.assert_array_equal(first, second)


def test_the_dataset_that_is_read_decides_whether_a_file_is_a_volume(shelf, tmp_path):
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["flat"] = np.random.default_rng(0).integers(0, 255, (40, 44), np.uint8)
        file["deep"] = np.random.default_rng(0).integers(0, 255, (12, 40, 44), np.uint8)
    for name, shape in (("flat", (40, 44)), ("deep", (12, 40, 44))):
        told = ["DATASET.IMAGE.DATASET", name]
        (done,) = api.predict(None, [tmp_path / "two.h5"], tmp_path / name, overrides=told)
        assert tifffile.imread(done.result).shape == shape


def test_a_model_is_checked_once_for_many_files(shelf, files, tmp_path, monkeypatch):
    checked, check = [], models.Card.check

    def counted(card, folder):
        checked.append(folder)
        check(card, folder)

    monkeypatch.setattr(models.Card, "check", counted)
    list(api.predict(None, [files], tmp_path / "out"))
    assert sorted(folder.name for folder in checked) == ["nuclei_2d", "nuclei_3d"]


def test_a_diameter_that_is_told_is_kept(shelf, files, tmp_path):
    (done,) = api.predict(None, [files / "image.tif"], tmp_path / "out", diameter=9.0)
    assert done.scale.diameter == 9.0


def test_a_diameter_is_refused_for_a_run_of_one_size(tmp_path, files):
    run = run_of(tmp_path / "fixed", [16, 16])
    config = (run.path / "config.yaml").read_text().replace("NOMINAL_DIAMETER: 16.0", "NOMINAL_DIAMETER: 0.0")
    (run.path / "config.yaml").write_text(config)
    with pytest.raises(UserError) as caught:
        list(api.predict(run.path, [files / "image.tif"], tmp_path / "out", diameter=9.0))
    names(caught.value, run.path, "--diameter", "DATASET.IMAGE.ZOOM")


def test_models_are_listed(shelf, capsys):
    assert main(["models"]) == 0
    names(capsys.readouterr().out, "nuclei_2d", "nuclei_3d")
    assert main(["models", "nuclei_2d"]) == 0
    names(capsys.readouterr().out, "sha256:", "licence:")
    assert main(["models", "nuclei_4d"]) == 2


SHIPPED = sorted(models.shipped())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_whole_small_and_free_of_data(name):
    folder = models.named(name)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 6e6
    config = Run.open(folder).config
    assert config.DATASET.ROOT == "." and config.DATASET.SOURCE.NAME == "randomised"
    assert json.dumps(models.shipped()[name].scores) != "{}"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_gives_the_expected_output(name):
    from nucleizoo.inference.segmenter import Segmenter

    folder = models.named(name)
    with np.load(folder / "example.npz") as example:
        image = torch.from_numpy(example["image"].astype(np.float32))
        made = Segmenter.open(Run.open(folder)).tiles(image[None])[0]
        np.testing.assert_allclose(made, example["maps"].astype(np.float32), atol=0.02)


@pytest.mark.parametrize("name", [name for name in SHIPPED if models.shipped()[name].dims == 2])
@pytest.mark.parametrize("edge", [304, 311, 319])
def test_a_shipped_model_sees_no_nuclei_at_the_ends_of_an_empty_image_of_any_size(name, edge):
    from nucleizoo.inference.segmenter import Segmenter

    lamp = np.exp(-(np.linspace(-1, 1, edge)[:, None] ** 2 + np.linspace(-1, 1, edge) ** 2) / 2)
    noise = 0.05 * np.random.default_rng(0).normal(size=(edge, edge))
    segmenter = Segmenter.open(Run.open(models.named(name)))
    for picture in (lamp + noise, -lamp + noise):
        scaled = 2 * (picture - picture.min()) / np.ptp(picture) - 1
        maps = segmenter.tiles(torch.from_numpy(scaled.astype(np.float32))[None, None])[0, 0]
        assert (maps > 0.5).float().mean() < 0.001


@pytest.mark.parametrize("name", [name for name in SHIPPED if models.shipped()[name].dims == 2])
@pytest.mark.parametrize("kind", ["normal", "few photons", "photons on uneven light"])
def test_a_shipped_model_finds_no_nuclei_in_noise(name, kind, tmp_path):
    """Magnified, noise looks like small nuclei: hundreds were found per image."""
    rng = np.random.default_rng(0)
    light = 10 + 40 * np.sin(np.linspace(0, 3, 256)) if "uneven" in kind else np.full(256, 8.0)
    noise = rng.normal(size=(256, 256)) if kind == "normal" else rng.poisson(np.tile(light, (256, 1)))
    tifffile.imwrite(tmp_path / "noise.tif", noise.astype(np.float32), photometric="minisblack")
    (done,) = api.predict(None, [tmp_path / "noise.tif"], tmp_path / "out", model=name)
    assert done.count <= 2
