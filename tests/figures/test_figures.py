"""The papers' figures: numbers known beforehand, and commands end to end on toys."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import pdist

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from support.naming import names

from nucleizoo import METHODS, api, figures
from nucleizoo.cli import main
from nucleizoo.core.errors import UserError
from nucleizoo.figures import content_codes, crops, drawing, tables

TOY = Path(__file__).parents[2] / "configs" / "toy"
FAST = [
    "SYSTEM.WORKERS", "0", "SOLVER.TOTAL", "2", "MONITOR.SNAPSHOT", "0", "MONITOR.TENSORBOARD", "False",
    "MONITOR.VALIDATE", "0",
]  # fmt: skip


def train(name, images, out, *pairs):
    root = ["DATASET.ROOT", str(images)]
    api.train(api.load_config(TOY / f"{name}.yaml", [*FAST, *root, *pairs]), out)
    return out


@pytest.fixture(scope="module")
def runs(toy_images, tmp_path_factory):
    """Folders of runs by name: aligned, unaligned, volumes, cyclegan."""
    out, images = tmp_path_factory.mktemp("runs"), toy_images / "images"
    return {
        "aligned": train("adgan_2d", images, out / "aligned"),
        "unaligned": train("adgan_2d", images, out / "unaligned", "METHOD.ALIGNED", "false"),
        "volumes": train("adgan_3d", toy_images / "volumes", out / "volumes"),
        "cyclegan": train("cyclegan_2d", images, out / "cyclegan"),
    }


@pytest.fixture
def refused(capsys):
    """Run a figure, and give what it says; fails unless that is an error as it should be."""

    def refused(*words):
        assert main(["figure", *map(str, words)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and "Traceback" not in said
        return said

    return refused


def rows(file):
    with file.open() as text:
        return list(csv.DictReader(text))


def is_picture(file):
    with Image.open(file) as picture:
        levels = np.unique(np.asarray(picture.convert("L")))
        return picture.format == "PNG" and picture.width > 400 and len(levels) > 9


def test_windows_are_disjoint_and_centred_and_a_small_picture_is_mirrored():
    picture = np.arange(70 * 40, dtype=np.float32).reshape(1, 70, 40)
    found = list(crops.tiles(picture, (32, 32)))
    assert [tile[0, 0, 0] for tile in found] == [3 * 40 + 4, 35 * 40 + 4]
    assert not set(found[0].ravel()) & set(found[1].ravel())
    (only,) = crops.tiles(picture[:, :20, :20], (32, 32))
    np.testing.assert_array_equal(only[0, 6:26, 6:26], picture[0, :20, :20])


def test_of_volumes_the_middle_plane_is_shown():
    volume = np.zeros((2, 5, 4, 4), np.float32)
    volume[0, 2] = 1
    assert crops.plane(volume).min() == 1


def test_rotated_codes_keep_their_distances_to_one_factor():
    codes = np.random.default_rng(0).normal(size=(12, 500)).astype(np.float32)
    ratio = pdist(content_codes.rotated(codes)) / pdist(codes)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.25, 0.75), (3.0, 0.99, 1.0)])
def test_separability_is_chance_for_one_cloud_and_one_for_two(shift, low, high):
    codes = np.random.default_rng(1).normal(size=(80, 200)).astype(np.float32)
    codes[40:] += shift
    for accuracy in content_codes.separability(
        content_codes.rotated(codes), np.arange(80) >= 40, np.arange(80)
    ):
        assert low <= accuracy <= high


@pytest.mark.parametrize("count", [10, 4, 2])
def test_frames_that_repeat_do_not_pass_for_a_domain_of_their_own(count):
    frames = np.random.default_rng(2).normal(size=(count, 200)).astype(np.float32)
    others = np.random.default_rng(3).normal(size=(40, 200))
    codes = np.concatenate([np.repeat(frames, 40 // count, 0), others])
    codes, is_source = content_codes.rotated(codes.astype(np.float32)), np.arange(80) >= 40
    places = [place for place in range(count) for _ in range(40 // count)]
    leaking = content_codes.separability(codes, is_source, np.arange(80))
    groups, apart = content_codes._groups(places, 40)
    honest = content_codes.separability(codes, is_source, groups)
    assert leaking[0] > 0.8 and honest[0] < 0.7 and apart == "places"


def test_a_place_that_nearly_all_crops_have_is_no_group():
    groups, apart = content_codes._groups([0] * 10 + [1], 11)
    assert apart == "crops" and len(set(groups)) == 22


@pytest.mark.parametrize(("side", "apart"), [(64, "places"), (32, "crops")])
def test_the_table_says_what_was_held_apart(runs, tmp_path, side, apart):
    (tmp_path / "images").mkdir()
    for i in range(10):
        picture = np.random.default_rng(i).integers(0, 255, (side, side), np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"{i}.png")
    figures.content([runs["aligned"]], [tmp_path / "images"], tmp_path / "out", count=12)
    assert {row["held apart"] for row in rows(tmp_path / "out" / "separability.csv")} == {apart}


def test_interpolated_pictures_are_decoded_with_the_share_of_their_column(
    runs, toy_images, tmp_path, monkeypatch
):
    adgan = METHODS.get("adgan")
    monkeypatch.setattr(adgan, "between", lambda self, image, share: torch.full_like(image, 2 * share - 1))
    made = figures.interpolation(runs["aligned"], [toy_images / "images"], tmp_path, steps=5)
    table = rows(tmp_path / "interpolation.csv")
    assert [row["image"] for row in table[::5]] == ["cell0.png", "cell1.png", "cell2.png"]
    for row in table:
        assert float(row["share"]) == float(row["mean"])
        assert (
            float(row["foreground"]) == int(row["nuclei"]) == (float(row["share"]) >= 0.5)
        )  # 0.502 as a byte
    assert is_picture(made)


def test_interpolation_ends_where_the_run_translates_to(runs, toy_images, tmp_path):
    command = [
        "figure",
        "interpolation",
        "--run",
        str(runs["aligned"]),
        "--steps",
        "3",
        "--out",
        str(tmp_path),
    ]
    assert main([*command, "--input", str(toy_images / "images" / "cell0.png")]) == 0
    segmenter = crops.finished(runs["aligned"], (), ())
    (scan,) = segmenter.read(toy_images / "images" / "cell0.png")
    tile = max(crops.tiles(scan.image, (32, 32)), key=np.std)
    mean = (segmenter.to_source(tile).mean() + 1) / 2
    assert float(rows(tmp_path / "interpolation.csv")[-1]["mean"]) == pytest.approx(mean, abs=1e-4)


def test_volumes_are_interpolated_too(runs, toy_images, tmp_path):
    made = figures.interpolation(runs["volumes"], [toy_images / "volumes"], tmp_path, steps=2)
    assert is_picture(made) and len(rows(tmp_path / "interpolation.csv")) == 4


def test_content_has_a_row_a_crop_and_a_panel_a_run_and_repeats(runs, toy_images, tmp_path):
    words = ["figure", "content", str(runs["aligned"]), str(runs["unaligned"]), "--count", "10", "--input"]
    for out in ("one", "two"):
        assert main([*words, str(toy_images / "images"), "--out", str(tmp_path / out)]) == 0
    table = rows(tmp_path / "one" / "content.csv")
    counts = {(run, d): 0 for run in ("aligned", "unaligned") for d in ("image", "source")}
    for row in table:
        counts[row["run"], row["domain"]] += 1
    assert set(counts.values()) == {2 * 10}  # whole codes, and means
    told = [(row["run"], row["codes"]) for row in rows(tmp_path / "one" / "separability.csv")]
    assert told == [(run, kind) for run in ("aligned", "unaligned") for kind in ("whole", "means")]
    for name in ("content.csv", "separability.csv"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "two" / name).read_text()
    assert is_picture(tmp_path / "one" / "content.png")


def test_content_that_tells_the_domain_is_separable(runs, toy_images, tmp_path, monkeypatch):
    adgan = METHODS.get("adgan")
    monkeypatch.setattr(adgan, "encode", lambda self, picture, domain: picture + 5 * (domain == "source"))
    figures.content([runs["aligned"]], [toy_images / "images"], tmp_path, count=12)
    for row in rows(tmp_path / "separability.csv"):
        assert float(row["linear"]) == float(row["neighbours"]) == 1


def test_means_of_channels_do_not_know_places():
    code = np.random.default_rng(4).normal(size=(2, 3, 4, 5)).astype(np.float32)
    code[1] = np.roll(code[0], (1, 2), (1, 2))
    means, whole = (content_codes.KINDS[kind](code) for kind in ("means", "whole"))
    np.testing.assert_allclose(means[0], means[1], rtol=1e-5)
    assert means.shape == (2, 3) and whole.shape == (2, 60) and not np.allclose(whole[0], whole[1])


def test_sensitivity_has_a_row_a_value_with_the_mean_of_its_seeds(toy_images, tmp_path):
    words = ["--cfg", TOY / "adgan_2d.yaml", "--key", "DATASET.SOURCE.COUNT", "--values", "[2, 6]", "[4, 9]"]
    words += ["--data", toy_images, "--out", tmp_path, "--seeds", "2", "DATASET.ROOT", toy_images / "images"]
    assert main(["figure", "sensitivity", *map(str, words), *FAST]) == 0
    table, trained = rows(tmp_path / "sensitivity.csv"), rows(tmp_path / "runs.csv")
    assert [row["DATASET.SOURCE.COUNT"] for row in table] == ["2-6", "4-9"]
    assert [row["seed"] for row in trained] == ["10", "11"] * 2
    dice = np.array([float(row["Dice"]) for row in trained]).reshape(2, 2)
    np.testing.assert_allclose([float(row["Dice"]) for row in table], dice.mean(1), atol=2e-4)
    np.testing.assert_allclose([float(row["Dice sd"]) for row in table], dice.std(1, ddof=1), atol=2e-4)
    assert is_picture(tmp_path / "sensitivity.png")
    assert (
        tmp_path / "runs" / "adgan_2d" / "DATASET.SOURCE.COUNT=2-6" / "seed_10" / "weights.safetensors"
    ).is_file()


@pytest.mark.parametrize(("name", "count"), [("cysgan", 3), pytest.param("adgan", 6, marks=pytest.mark.slow)])
def test_an_ablation_has_the_papers_rows_beside_ours(toy_images, tmp_path, name, count):
    words = [name, "--cfg", TOY / f"{name}_2d.yaml", "--data", toy_images, "--out", tmp_path]
    root = [] if name == "cysgan" else ["DATASET.ROOT", toy_images / "images"]
    assert main(["figure", "ablation", *map(str, [*words, *root]), *FAST]) == 0
    table = rows(tmp_path / "ablation.csv")
    assert len(table) == count and table[0]["row"] == "full" and is_picture(tmp_path / "ablation.png")
    lines = (tmp_path / "ablation.md").read_text().splitlines()
    assert "one seed" in lines[0] and len(lines) == 6 + count and "table 3" in lines[-1]
    assert len({line.count("|") for line in lines[2:-2]}) == 1
    full = float(table[0]["published Fluo-N2DL-HeLa" if name == "adgan" else "published NucExM"])
    assert full == (0.911 if name == "adgan" else 0.927)


def test_runs_that_cannot_be_drawn_are_refused(runs, toy_images, tmp_path, refused):
    given = ["--input", toy_images / "images", "--out", tmp_path / "out"]
    said = refused("interpolation", "--run", runs["cyclegan"], *given)
    names(said, "METHOD 'cyclegan'", "decode", "adgan")
    names(refused("content", runs["cyclegan"], *given), "METHOD 'cyclegan'", "content", "adgan")
    said = refused("interpolation", "--run", tmp_path / "none", *given)
    names(said, tmp_path / "none", "config.yaml", "--out")
    names(refused("content", runs["aligned"], runs["aligned"], *given), "run", "twice")
    few = ["--input", toy_images / "images" / "cell0.png", "--out", tmp_path / "out"]
    names(refused("content", runs["aligned"], *few), "(32, 32)", "10")
    names(refused("content", runs["aligned"], "--count", 3, *given), "COUNT", "10", "3")
    said = refused("interpolation", "--run", runs["aligned"], "--steps", 1, *given)
    names(said, "STEPS", "2", "1")
    begun = shutil.copytree(runs["aligned"], tmp_path / "begun")
    (begun / "checkpoints" / "iteration_00000002.pt").rename(begun / "checkpoints" / "iteration_00000001.pt")
    names(refused("interpolation", "--run", begun, *given), begun, "--resume")
    (tmp_path / "file").write_text("")
    given[-1] = tmp_path / "file"
    names(refused("interpolation", "--run", runs["aligned"], *given), tmp_path / "file")


@pytest.mark.parametrize(("key", "values", "told"), [
    ("METHOD.CYCLE.WIEGHT", ["1"], ["METHOD.CYCLE.WIEGHT", "METHOD.CYCLE.WEIGHT"]),
    ("METHOD.GENERATOR.NAME", ["adain"], ["METHOD.GENERATOR.NAME", "numbers", "'adain'"]),
    ("METHOD.ALIGNED", ["true"], ["METHOD.ALIGNED", "numbers", "True"]),
    ("METHOD.CYCLE.WEIGHT", ["1", "many"], ["METHOD.CYCLE.WEIGHT", "float", "'many'"]),
    ("METHOD.CYCLE.WEIGHT", ["1", "1.0"], ["METHOD.CYCLE.WEIGHT", "1", "twice"]),
    ("METHOD.CYCLE.WEIGHT", ["1e6", "1000001", "1000000"], ["METHOD.CYCLE.WEIGHT", "1000000", "twice"]),
    ("DATASET.SOURCE.COUNT", ["[2, 6]", "[9, 3]"], ["COUNT", "[low, high]", "[9.0, 3.0]"]),
    ("SOLVER.LR", ["1e-4", "-1"], ["SOLVER.LR", "0", "-1.0"]),
    ("SYSTEM.SEED", ["1", "2"], ["SYSTEM.SEED", "DATASET", "METHOD", "SOLVER"]),
    ("METHOD", ["1"], ["METHOD", "1", "METHOD.NAME"]),
])  # fmt: skip
def test_keys_and_values_are_refused_before_any_training(toy_images, tmp_path, refused, key, values, told):
    words = ["--cfg", TOY / "adgan_2d.yaml", "--data", toy_images, "--out", tmp_path / "out"]
    root = ["DATASET.ROOT", toy_images / "images"]
    names(refused("sensitivity", *words, "--key", key, "--values", *values, *root, *FAST), *told)
    assert not (tmp_path / "out" / "runs").exists()


def test_an_unknown_ablation_names_those_that_there_are(toy_images, tmp_path, refused):
    said = refused("ablation", "adgn", "--data", toy_images, "--out", tmp_path)
    names(said, "'adgn'", "adgan, cysgan")


def test_the_extra_is_named_and_a_locked_folder_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing.os, "access", lambda *how: False)
    with pytest.raises(UserError, match=rf"{tmp_path.name} .*--out"):
        drawing.prepare(tmp_path, "figure", {})
    monkeypatch.setattr(drawing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'nucleizoo\[figures\]'"):
        drawing.prepare(tmp_path, "figure", {})


def test_the_spread_of_one_seed_is_empty():
    class One:
        trial = type("trial", (), {"variant": "a"})

        def score(self, path):
            return 0.5

    assert tables.averaged([One()], {"Dice": "x"}) == {"a": {"runs": 1, "Dice": 0.5, "Dice sd": ""}}
    assert tables.averaged([One(), One()], {"Dice": "x"})["a"]["Dice sd"] == 0
