"""The command `sample`, end to end."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names

from nucleizoo import api, build
from nucleizoo.cli import main
from nucleizoo.contracts import Sample
from nucleizoo.core.errors import UserError
from nucleizoo.training.export_samples import panel

ROOT = Path(__file__).parents[2]
TOY = ROOT / "configs" / "toy" / "adgan_2d.yaml"
SIMULATED = "{NAME: simulated_exm, SEMI_AXIS: [3, 5], COUNT: [4, 6]}"


def sample(out, *words):
    return main(["sample", "--cfg", str(TOY), "--out", str(out), *map(str, words)])


def content(folder):
    return sorted(file.name for file in folder.iterdir())


def test_synthetic_masks_are_written_with_their_labels(tmp_path, capsys):
    assert sample(tmp_path / "out", "--count", 3, "--size", 40, 48, "DATASET.SOURCE.COUNT", "[5, 5]") == 0
    out = tmp_path / "out"
    assert content(out) == ["images", "labels", "panel.png"]
    assert content(out / "images") == content(out / "labels") == [f"000{i}.tif" for i in range(3)]
    for i in range(3):
        image, labels = (tifffile.imread(out / kind / f"000{i}.tif") for kind in ("images", "labels"))
        assert image.shape == labels.shape == (40, 48)
        assert image.dtype == np.float32 and labels.dtype == np.uint16
        np.testing.assert_array_equal(image, labels > 0)  # a mask, seen as a picture
        assert labels.max() == 5
    said = capsys.readouterr().out.splitlines()
    assert said == [*(f"{out}/images/000{i}.tif: 5 nuclei" for i in range(3)), f"{out}/panel.png"]


def test_images_are_written_as_networks_see_them_and_without_labels(toy_images, tmp_path, capsys):
    words = ("--from", "image", "--count", 2, "DATASET.ROOT", toy_images / "images")
    assert sample(tmp_path, *words, "DATASET.SIZE", "[64, 64]") == 0
    assert content(tmp_path) == ["images", "panel.png"]
    whole = {}
    for file in (toy_images / "images").iterdir():
        raw = np.asarray(Image.open(file)).astype(float)
        whole[file.name] = (raw - raw.min()) / np.ptp(raw)
    for i in range(2):
        picture = tifffile.imread(tmp_path / "images" / f"000{i}.tif")
        assert any(np.allclose(picture, one, atol=1e-6) for one in whole.values())
    assert "nuclei" not in capsys.readouterr().out
    assert np.asarray(Image.open(tmp_path / "panel.png")).shape == (66, 132)  # two, framed, in grey


def test_samples_are_read_back_as_they_were(tmp_path):
    config = api.load_config(TOY, ["DATASET.IMAGE", SIMULATED])
    api_written = list(api.sample(config, tmp_path, domain="image", count=2))
    assert [one.path.name for one in api_written] == ["0000.tif", "0001.tif"]
    for one in api_written:
        (scan,) = build.reader(config).read(one.path)
        picture = tifffile.imread(one.path)
        np.testing.assert_allclose(scan.image[0], 2 * picture - 1, atol=1e-6)
        labels = tifffile.imread(tmp_path / "labels" / one.path.name)
        assert one.count == len(np.unique(labels)) - 1 > 0


def test_samples_repeat_and_are_not_those_of_training(tmp_path):
    config = api.load_config(TOY, ["DATASET.IMAGE", SIMULATED, "DATASET.SOURCE", SIMULATED])
    drawn = {}
    for name, domain in (("a", "image"), ("b", "image"), ("c", "source")):
        list(api.sample(config, tmp_path / name, domain=domain, count=2))
        drawn[name] = np.stack([tifffile.imread(tmp_path / name / "images" / f"000{i}.tif") for i in (0, 1)])
    np.testing.assert_array_equal(drawn["a"], drawn["b"])
    assert len({one.tobytes() for name in "ac" for one in drawn[name]}) == 4
    source, seed = build.image_dataset(config), config.SYSTEM.SEED
    for iteration in range(3):  # what training draws first in either domain, and second
        for domain in (0, 1):
            for place in (0, 1):
                rng = np.random.default_rng((seed, iteration, domain, place))
                crop = (source.sample(rng, (32, 32)).image[0] + 1) / 2
                assert not any(np.array_equal(crop, one) for name in "ac" for one in drawn[name])


def test_augmentation_is_asked_for_and_gets_the_margin_that_it_needs(tmp_path):
    config = api.load_config(TOY, ["DATASET.SOURCE", SIMULATED])
    source, vary, seed = build.source_dataset(config), build.augment(config), config.SYSTEM.SEED
    assert vary.reach((32, 32)) > (32, 32)
    for name, augment in (("plain", False), ("varied", True)):
        list(api.sample(config, tmp_path / name, count=1, augment=augment))
        rng = np.random.default_rng((seed, 0, 3))
        wanted = source.sample(rng, vary.reach((32, 32)) if augment else (32, 32))
        wanted = vary(wanted, rng, (32, 32)) if augment else wanted
        found = tifffile.imread(tmp_path / name / "images" / "0000.tif")
        np.testing.assert_allclose(found, (wanted.image[0] + 1) / 2, atol=1e-6)


@pytest.mark.parametrize(("channels", "shape"), [(1, (6, 20, 24)), (3, (6, 3, 20, 24))])
def test_volumes_keep_their_axes_and_voxel_size(tmp_path, channels, shape):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, (2, 8, channels, 30, 30)).astype(np.uint8)
    (tmp_path / "in").mkdir()
    for i, volume in enumerate(data):
        metadata = {"axes": "ZCYX", "spacing": 2.0, "unit": "um"}
        tifffile.imwrite(
            tmp_path / "in" / f"{i}.tif", volume, imagej=True, resolution=(2, 2), metadata=metadata
        )
    words = ["DATASET.ROOT", str(tmp_path / "in"), "DATASET.SIZE", "[8, 16, 16]"]
    config = api.load_config(TOY, [*words, "DATASET.CHANNELS", str(channels)])
    list(api.sample(config, tmp_path / "out", domain="image", count=1, size=(6, 20, 24)))
    with tifffile.TiffFile(tmp_path / "out" / "images" / "0000.tif") as file:
        assert file.asarray().shape == shape and file.imagej_metadata["spacing"] == 2.0
    (scan,) = build.image_dataset(config).read(tmp_path / "out" / "images" / "0000.tif")
    assert scan.image.shape == (channels, 6, 20, 24) and scan.spacing == (2.0, 0.5, 0.5)


# --- the panel


def test_the_panel_shows_pictures_above_and_outlines_below():
    labels = np.zeros((60, 60), np.int32)
    labels[20:40, 20:40] = 3
    one = Sample(2 * (labels > 0)[None].astype(np.float32) - 1, labels)
    made = panel([one, one, one])
    times = made.shape[0] // (2 * 62)
    assert made.shape == (2 * 62 * times, 3 * 62 * times, 3)
    upper, lower = np.split(made, 2)
    assert (upper == upper[..., :1]).all()  # grey
    middle = upper[31 * times, ::times, 0].reshape(3, 62)
    assert (middle[:, 22:40] == 255).all() and (middle[:, 2:20] == 0).all() and (middle[:, 0] == 255).all()
    coloured = (lower.max(axis=2) != lower.min(axis=2))[::times, ::times]
    assert coloured[21, 21:41].all() and not coloured[31, 24:30].all()
    colours = {tuple(lower[21 * times, (62 * i + 30) * times]) for i in range(3)}
    assert len(colours) == 3  # one label in three pictures is three nuclei


def test_the_panel_takes_numbers_as_large_as_files_hold_them():
    labels = np.zeros((60, 60), np.int32)
    labels[20:40, 20:40] = 2**31 - 1
    lower = np.split(panel([Sample(np.zeros((1, 60, 60), np.float32), labels)] * 3), 2)[1]
    assert (lower.max(axis=2) != lower.min(axis=2)).any()  # outlined in colour


def test_the_panel_shows_the_middle_plane_of_a_volume():
    volume = np.full((1, 5, 20, 20), -1, np.float32)
    volume[:, 2] = 1
    assert (panel([Sample(volume)])[1:-1, 1:-1] == 255).all()


# --- what cannot be done


def test_nothing_is_overwritten(tmp_path, capsys):
    assert sample(tmp_path) == 0
    assert sample(tmp_path) == 2
    names(capsys.readouterr().err, tmp_path, "exists", "remove", "--out")


def test_wrong_requests_are_told(tmp_path):
    config = api.load_config(TOY)
    for words, message in (
        ({"size": (4, 16, 16)}, r"SIZE .*\b2\b.*\[4, 16, 16\]"),
        ({"size": (0, 4)}, r"SIZE .*\b2\b.*\[0, 4\]"),
        ({"count": 0}, r"COUNT .*\b1\b.*\b0\b"),
        ({"domain": "labels"}, "image or source.*'labels'"),
    ):
        with pytest.raises(UserError, match=message):
            list(api.sample(config, tmp_path / "out", **words))
    assert not (tmp_path / "out").exists()


def test_a_source_that_cannot_be_opened_leaves_no_folder(tmp_path, capsys):
    assert sample(tmp_path / "out", "--from", "image", "DATASET.ROOT", tmp_path / "nowhere") == 2
    assert "nowhere" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_size_that_is_no_number_is_a_mistake_of_the_command_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        sample(tmp_path, "--size", "big")
    names(capsys.readouterr().err.rpartition("error: ")[2], "--size", "numbers")


def test_help_names_what_is_sampled(capsys):
    with pytest.raises(SystemExit):
        main(["sample", "--help"])
    assert "--from {source,image}" in capsys.readouterr().out
