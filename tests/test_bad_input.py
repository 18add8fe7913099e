"""What a user can get wrong: one paragraph that says what to mend, exit code 2, and no traceback."""

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names

from nucleizoo import api
from nucleizoo.cli import main

TOY = Path(__file__).parents[1] / "configs" / "toy"
CONFIG = str(TOY / "adgan_2d.yaml")
FAST = [
    "SYSTEM.DEVICE", "cpu", "SYSTEM.WORKERS", "0", "MONITOR.TENSORBOARD", "False", "SOLVER.TOTAL", "1",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(toy_images, tmp_path_factory):
    """The folder of a trained run."""
    path = tmp_path_factory.mktemp("good") / "run"
    api.train(api.load_config(CONFIG, ["DATASET.ROOT", str(toy_images / "images"), *FAST]), path)
    return path


@pytest.fixture
def refused(capsys, caplog):
    """Run a command, and give what it says; fails unless that is an error as it should be."""

    def refused(*command, code=2):
        assert main([str(word) for word in command]) == code
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out + caplog.text
        assert said.err.startswith("error: ")
        assert "\n\n" not in said.err and said.err.endswith("\n")  # one paragraph
        return said.err

    return refused


@pytest.fixture
def refused_training(refused, toy_images, tmp_path):
    """Train the toy on the images of a folder with the pairs given; nothing may be left behind."""

    def refused_training(*pairs, root=toy_images / "images", cfg=CONFIG):
        out = tmp_path / "run"
        said = refused("train", "--cfg", cfg, "--out", out, "DATASET.ROOT", root, *FAST, *pairs)
        assert not out.exists()
        return said

    return refused_training


@pytest.mark.parametrize(("pairs", "told"), [
    # keys and types
    ("SOLVER.LRR 1", ["SOLVER.LRR", "SOLVER.LR"]),
    ("SOLVR.LR 1", ["SOLVR", "SOLVER"]),
    ("METHOD.GENERATOR.WIDHT 3", ["METHOD.GENERATOR.WIDHT", "'adain'", "METHOD.GENERATOR.WIDTH"]),
    ("SOLVER.LR fast", ["SOLVER.LR", "float", "0.0002", "'fast'"]),
    ("SOLVER.BATCH 2.5", ["SOLVER.BATCH", "int", "2.5"]),
    ("DATASET.SIZE 32", ["DATASET.SIZE", "(y, x)", "[32]"]),
    ("DATASET.SIZE wide", ["DATASET.SIZE", "list", "[1, 2]", "'wide'"]),
    ("SOLVER.TOTAL 1:30", ["SOLVER.TOTAL", "int", "'1:30'"]),
    ("LR 0.1", ["LR", "SOLVER.LR"]),
    ("CHANNEL 1", ["CHANNEL", "DATASET.IMAGE.CHANNEL"]),
    ("METHOD.ALIGNED maybe", ["METHOD.ALIGNED", "bool", "'maybe'"]),
    ("SOLVER.LR .nan", ["SOLVER.LR", "float", "'.nan'"]),
    ("METHOD.NAME adgn", ["METHOD.NAME", "'adgn'", "'adgan'"]),
    ("METHOD.GENERATOR.NAME unett", ["METHOD.GENERATOR.NAME", "'unett'", "'unet'"]),
    ("METHOD.GENERATOR 3", ["METHOD.GENERATOR", "3", "METHOD.GENERATOR.NAME"]),
    ("SOLVER.LR", ["SOLVER.LR", "KEY VALUE"]),
    ("SOLVER 3", ["command line sets", "SOLVER", "keys"]),
    ("TARGET 3", ["TARGET", "3", "TARGET.NAME"]),
    # ranges
    ("SOLVER.BATCH 0", ["SOLVER.BATCH", "1", "0"]),
    ("SOLVER.TOTAL -1", ["SOLVER.TOTAL", "0 or more", "-1"]),
    ("SOLVER.OPTIMISER.NAME adamx", ["SOLVER.OPTIMISER.NAME", "'adamx'", "'adam'"]),
    ("SOLVER.SCHEDULE cosine", ["SOLVER.SCHEDULE", "'cosine'", "SOLVER.SCHEDULE.NAME cosine"]),
    ("SOLVER.LR -1e-4", ["SOLVER.LR", "0", "-0.0001"]),
    ("SOLVER.OPTIMISER.BETAS [0.9]", ["SOLVER.OPTIMISER 'adam'", "BETAS", "two", "[0.9]"]),
    ("SOLVER.OPTIMISER.BETAS [0.9, 1.0]", ["SOLVER.OPTIMISER 'adam'", "BETAS", "0", "1", "[0.9, 1.0]"]),
    ("SOLVER.OPTIMISER.WEIGHT_DECAY -1", ["WEIGHT_DECAY", "0", "-1.0"]),
    ("SOLVER.WARMUP -1", ["SOLVER.WARMUP", "0", "-1"]),
    ("SOLVER.SCHEDULE.HOLD 1.5", ["SOLVER.SCHEDULE 'linear'", "HOLD", "[0, 1]", "1.5"]),
    ("SOLVER.AVERAGE 1.0", ["SOLVER.AVERAGE", "0", "1", "1.0"]),
    ("SYSTEM.SEED -1", ["SYSTEM.SEED", "0", "-1"]),
    ("SYSTEM.WORKERS -2", ["SYSTEM.WORKERS", "-1", "-2"]),
    ("SYSTEM.DEVICE gpu", ["SYSTEM.DEVICE", "'gpu'", "auto", "cpu", "cuda"]),
    ("SYSTEM.DEVICE cuda:99", ["SYSTEM.DEVICE", "cuda:99", "machine", "auto", "cpu"]),
    ("SYSTEM.PRECISION fp16", ["SYSTEM.PRECISION", "auto", "bf16", "fp32", "'fp16'"]),
    ("SYSTEM.PLUGINS [nowhere.py]", ["plugin", "nowhere.py"]),
    ("DATASET.SIZE [32]", ["DATASET.SIZE", "(y, x)", "(z, y, x)", "[32]"]),
    ("DATASET.SIZE [1, 2, 3, 4]", ["DATASET.SIZE", "(y, x)", "(z, y, x)", "[1, 2, 3, 4]"]),
    ("DATASET.SIZE [32, -32]", ["DATASET.SIZE", "(y, x)", "(z, y, x)", "[32, -32]"]),
    ("DATASET.SIZE [32, 30]", ["DATASET.SIZE", "4", "8", "'adgan'", "(32, 30)"]),
    ("DATASET.CHANNELS 0", ["DATASET.CHANNELS", "1", "0"]),
    ("DATASET.CHANNELS 3", ["3", "1", "DATASET.CHANNELS", "target"]),
    ("DATASET.SPACING [1.0]", ["DATASET.SPACING", "micrometres", "[1.0]"]),
    ("DATASET.SPACING [1.0, 0.0]", ["DATASET.SPACING", "micrometres", "[1.0, 0.0]"]),
    ("DATASET.SPACING [1.0, 1.0]", ["cell0.png", "voxel size", "SPACING"]),
    ("INFERENCE.WINDOW [8, 8, 8]", ["INFERENCE.WINDOW", "SIZE", "[8, 8, 8]"]),
    ("INFERENCE.WINDOW [0, 8]", ["INFERENCE.WINDOW", "SIZE", "[0, 8]"]),
    ("INFERENCE.STATISTICS whole", ["INFERENCE.STATISTICS", "auto", "training", "image", "tile", "'whole'"]),
    ("INFERENCE.OVERLAP 1.0", ["INFERENCE.OVERLAP", "0", "1", "1.0"]),
    ("MONITOR.SAVE 0", ["MONITOR.SAVE", "1", "0"]),
    ("MONITOR.LOG 0", ["MONITOR.LOG", "1", "0"]),
    ("MONITOR.SNAPSHOT -1", ["MONITOR.SNAPSHOT", "0", "-1"]),
    ("MONITOR.VALIDATE -1", ["MONITOR.VALIDATE", "0", "-1"]),
    # settings of entries, and what does not fit together
    ("TARGET.NAME ternary", ["'components'", "mask", "TARGET 'ternary'", "INFERENCE.DECODER.NAME"]),
    ("INFERENCE.DECODER.FOREGROUND 2", ["INFERENCE.DECODER 'components'", "FOREGROUND", "2.0"]),
    ("METHOD.POOL -1", ["METHOD 'adgan'", "pool", "0", "-1"]),
    ("METHOD.GENERATOR.WIDTH 0", ["METHOD 'adgan'", "generator", "WIDTH", "STYLE_WIDTH", "1", "0"]),
    ("METHOD.GENERATOR.BLOCKS -1", ["METHOD 'adgan'", "generator", "BLOCKS", "-1"]),
    ("METHOD.CYCLE.WEIGHT -1", ["METHOD 'adgan'", "WEIGHT", "loss", "-1.0"]),
    ("METHOD.DISCRIMINATOR.NAME patchgan", ["METHOD.DISCRIMINATOR.NAME", "'patchgan'", "'domain'"]),
    ("DATASET.SOURCE.NAME labelled", ["METHOD 'adgan'", "DATASET.SOURCE", "labels", "'synthetic'"]),
    ("DATASET.SOURCE {NAME: labelled, LABELS: ../labels}", ["'adgan'", "DATASET.SOURCE", "'synthetic'"]),
    ("METHOD.DISCRIMINATOR.WIDTH -2", ["METHOD 'adgan'", "critic", "WIDTH", "1", "-2"]),
    ("DATASET.SOURCE.SEMI_AXIS [150, 160]", ["SEMI_AXIS", "(32, 32)", "lower", "DATASET.SIZE"]),
    ("DATASET.SOURCE.SEMI_AXIS [900, 999]", ["SEMI_AXIS"]),
    ("DATASET.SOURCE.COUNT [0, 0]", ["COUNT", "[0, 0]", "1"]),
    ("DATASET.SOURCE.COUNT [5, 1]", ["COUNT", "[low, high]", "[5.0, 1.0]"]),
    ("DATASET.AUGMENT.ANGLE 100", ["DATASET.AUGMENT 'simple'", "ANGLE"]),
    ("DATASET.IMAGE.CHANNEL green", ["DATASET.IMAGE 'images'", "CHANNEL", "'green'"]),
    ("DATASET.IMAGE.ZOOM [0.0]", ["DATASET.IMAGE 'images'", "ZOOM"]),
    ("DATASET.IMAGE.SCALING.GAMMA 0", ["GAMMA", "0"]),
    ("DATASET.IMAGE.CACHE_GB -1", ["CACHE_GB", "-1.0"]),
    ("DATASET.IMAGE.PATH nowhere", ["nowhere", "no such file"]),
    ("DATASET.IMAGE.PATH *.jpg", ["*.jpg", ".png", ".tif"]),
    ("MONITOR.TRUTH cell0.png", ["MONITOR.TRUTH", "1", "MONITOR.PICTURES", "3"]),
    ("MONITOR.TRUTH ../labels/*.png", ["*.png", ".tif"]),
    ("MONITOR.TRUTH ../volume_labels/*.tif", ["MONITOR.TRUTH", "2", "MONITOR.PICTURES"]),
])  # fmt: skip
def test_a_configuration_that_cannot_work(refused_training, pairs, told):
    key, _, value = pairs.partition(" ")
    said = refused_training(key, *([value] if value else []))
    names(said, *told)


@pytest.mark.parametrize(("name", "pairs", "told"), [
    ("cyclegan", "METHOD.DISCRIMINATOR {NAME: domain}", ["'domain'", "domain critic", "'patchgan'"]),
    ("cyclegan", "METHOD.DISCRIMINATOR {NAME: histogram}", ["'histogram'", "distribution", "'patchgan'"]),
    ("cyclegan", "METHOD.GENERATOR {NAME: adain}", ["'adain'", "translator", "'resnet'", "'unet'"]),
    ("udct", "METHOD.HISTOGRAM {NAME: patchgan}", ["METHOD.HISTOGRAM.NAME", "'patchgan'", "'histogram'"]),
    ("udct", "METHOD.NOISE -0.1", ["METHOD 'udct'", "NOISE", "-0.1"]),
    ("cysgan", "METHOD.MAP_DISCRIMINATOR {NAME: histogram}", ["METHOD.MAP_DISCRIMINATOR.NAME", "'patchgan'"]),
    ("cysgan", "METHOD.SEGMENTATION.MSE -5", ["BCE", "DICE", "MSE", "1.0", "0.5", "-5.0"]),
    ("cysgan", "METHOD.GENERATOR.WIDTH 1", ["WIDTH", "2", "1"]),
    ("cysgan", "INFERENCE.DECODER.NAME components", ["INFERENCE.DECODER.NAME", "bc", "bcd"]),
    ("cysgan", "DATASET.SOURCE {NAME: images}", ["METHOD 'cysgan'", "maps", "'simulated_exm'", "'images'"]),
    ("cysgan", "DATASET.SOURCE {NAME: labelled}", ["labels", "LABELS"]),
    ("supervised", "DATASET.SOURCE {NAME: synthetic}", ["METHOD 'supervised'", "labelled", "DATASET.SOURCE"]),
])  # fmt: skip
def test_parts_that_do_not_fit_each_other(refused, toy_images, tmp_path, name, pairs, told):
    words = ("--out", tmp_path / "run", "DATASET.ROOT", toy_images / "images", *FAST)
    said = refused("train", "--cfg", TOY / f"{name}_2d.yaml", *words, *pairs.split(" ", 1))
    names(said, *told)


@pytest.mark.parametrize(("blocks", "full_map", "smallest"), [(6, True, 64), (4, False, 48)])
def test_a_crop_too_small_for_the_discriminator(refused, toy_images, tmp_path, blocks, full_map, smallest):
    slot = "METHOD.DISCRIMINATOR"
    words = ("DATASET.ROOT", toy_images / "images", *FAST)
    words += (f"{slot}.BLOCKS", blocks, f"{slot}.FULL_MAP", full_map)
    said = refused("train", "--cfg", CONFIG, "--out", tmp_path / "run", *words)
    names(said, "DATASET.SIZE", smallest, "(32, 32)", "discriminator", "BLOCKS")
    assert ("FULL_MAP true" in said) is not full_map
    assert not (tmp_path / "run").exists()


def test_truth_of_another_shape_is_told_before_the_training(refused_training, toy_images, tmp_path):
    tifffile.imwrite(tmp_path / "truth.tif", np.ones((8, 8), np.uint16))
    pictures = str(toy_images / "images" / "cell0.png")
    said = refused_training("MONITOR.PICTURES", pictures, "MONITOR.TRUTH", str(tmp_path / "truth.tif"))
    names(said, "truth.tif", "8x8", "cell0.png", "64x64")


def test_all_that_is_wrong_is_told_at_once(refused_training):
    said = refused_training("SOLVER.BATCH", "0", "MONITOR.SAVE", "0", "DATASET.SPACING", "[1]")
    assert all(key in said for key in ("SOLVER.BATCH", "MONITOR.SAVE", "DATASET.SPACING"))
    said = refused_training("SOLVER.BTCH", "0", "SYSTEM.SEED", "x")
    assert "SOLVER.BTCH" in said and "SYSTEM.SEED" in said


@pytest.mark.parametrize(("text", "told"), [
    (None, ["No such file"]),
    ("SOLVER: {LR: 1", ["','", "'}'"]),
    ("- a\n- b", ["mapping", "KEY: value", "['a', 'b']"]),
    ("SOLVER: {LR: 1}\nSOLVER: {LR: 2}", ["SOLVER", "line 1", "line 2"]),
    ("SOLVER: !!python/object/apply:os.system [ls]", ["os.system", "plain values"]),
    ("_BASE_: gone.yaml", ["gone.yaml", "No such file"]),
    ("SOLVER: {LR: 1}", ["METHOD.NAME", "missing", "adgan"]),
    ("", ["METHOD.NAME", "missing"]),
    ("METHOD: {NAME: [1]}", ["METHOD.NAME", "str", "[1]"]),
    ("METHOD: adgan", ["'adgan'", "METHOD.NAME"]),
    ("\t: x", ["line 1"]),
])  # fmt: skip
def test_a_configuration_file_that_is_none(refused_training, tmp_path, text, told):
    file = tmp_path / "no_such.yaml"
    if text is not None:
        file.write_text(text)
    names(refused_training(cfg=file), file.name, *told)


def test_a_configuration_is_a_yaml_file(refused_training, tmp_path):
    names(refused_training(cfg=tmp_path), ".yaml", ".yml", ".json")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    names(refused_training(cfg=tmp_path / "binary.yaml"), "binary.yaml", "UTF-8")


def damage(folder, kind):
    """Put one bad file beside the good one."""
    rng = np.random.default_rng(0)
    good = rng.integers(0, 255, (40, 40)).astype(np.uint8)
    Image.fromarray(good).save(folder / "a_good.png")
    bad = folder / "bad.png"
    if kind == "truncated":
        bad.write_bytes((folder / "a_good.png").read_bytes()[:700])
    elif kind == "truncated tiff":
        tifffile.imwrite(folder / "whole.tif", good)
        bad = folder / "bad.tif"
        bad.write_bytes((folder / "whole.tif").read_bytes()[:900])
        (folder / "whole.tif").unlink()
    elif kind == "text":
        bad.write_text("this is no image")
    elif kind == "empty":
        bad.touch()
    elif kind == "one value":
        Image.fromarray(np.full((40, 40), 7, np.uint8)).save(bad)
    elif kind == "colour":
        Image.fromarray(rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)).save(bad)
    elif kind == "nan":
        bad = folder / "bad.tif"
        tifffile.imwrite(bad, np.full((40, 40), np.nan, np.float32))
    elif kind == "two datasets":
        bad = folder / "bad.h5"
        with h5py.File(bad, "w") as file:
            file["one"], file["two"] = good, good
    return bad


@pytest.mark.parametrize(("kind", "told"), [
    ("truncated", ["700", "copy"]), ("truncated tiff", ["900", "copy"]), ("text", ["16", "copy"]),
    ("empty", ["empty", "0"]), ("one value", ["value", "7"]), ("colour", ["3", "CHANNEL", "'luminance'"]),
    ("nan", ["NaN"]), ("two datasets", ["one", "two", "DATASET"]),
])  # fmt: skip
def test_an_image_that_cannot_be_used_is_named(refused_training, refused, run, tmp_path, kind, told):
    folder = tmp_path / "data"
    folder.mkdir()
    bad = damage(folder, kind)
    words = ("predict", "--run", run, "--input", bad, "--output", tmp_path / "out")
    for said in (refused_training(root=folder), *([] if kind == "one value" else [refused(*words)])):
        assert said.startswith(f"error: {bad}: ")
        names(said, *told)
    assert kind == "one value" or not list((tmp_path / "out").iterdir())


def test_files_that_cannot_be_used_do_not_keep_others_from_being_predicted(refused, run, tmp_path):
    folder, out = tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    for kind in ("truncated", "nan", "colour"):
        bad = damage(folder, kind)
        bad.rename(folder / f"0_{kind}{bad.suffix}")  # before the good one
    told = refused("predict", "--run", run, "--input", folder, "--output", out, code=1)
    names(told, "3 of 4", "0_truncated.png", "copy", "0_nan.tif", "NaN")
    names(told, "0_colour.png", "DATASET.IMAGE.CHANNEL", "'luminance'")
    assert [file.name for file in out.iterdir()] == ["a_good_label.tif"]


def test_a_broken_link_keeps_no_others_from_being_predicted(refused, run, toy_images, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").symlink_to(toy_images / "images" / "cell0.png")
    for name in ("0.tif", "b.png"):
        (folder / name).symlink_to(tmp_path / "gone.png")
    words = ("predict", "--run", run, "--input", folder, "--output", tmp_path / "out")
    names(refused(*words, code=1), folder / "0.tif", folder / "b.png", "broken link", tmp_path / "gone.png")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a_label.tif"]


def test_an_empty_name_is_not_the_present_folder(refused, run, toy_images, tmp_path, monkeypatch):
    monkeypatch.chdir(toy_images / "images")
    names(
        refused("predict", "--run", run, "--input", "", "--output", tmp_path / "out"), "empty", "name a file"
    )


def test_an_image_that_is_nearly_black_is_refused_with_the_key_that_helps(refused, run, tmp_path):
    picture = np.zeros((100, 100), np.uint8)
    picture[50, 50:55] = 200
    Image.fromarray(picture).save(tmp_path / "sparse.png")
    words = ("--run", run, "--input", tmp_path / "sparse.png", "--output", tmp_path / "out")
    percentile = ("DATASET.IMAGE.SCALING.NAME", "percentile", "DATASET.IMAGE.SCALING.HIGH")
    told = refused("predict", *words, *percentile, "99.8")
    names(told, "sparse.png", "contrast", "DATASET.IMAGE.SCALING.HIGH 100")
    assert main(["predict", *map(str, words), *percentile, "100"]) == 0


def test_colour_is_used_when_the_key_says_how(run, tmp_path, capsys):
    bad = damage(tmp_path, "colour")
    words = ["--run", str(run), "--input", str(bad), "--output", str(tmp_path / "out")]
    assert main(["predict", *words, "DATASET.IMAGE.CHANNEL", "luminance"]) == 0


def test_folders_that_are_not_there_or_empty(refused_training, refused, run, tmp_path):
    gone, empty = tmp_path / "gone", tmp_path / "empty"
    empty.mkdir()
    names(refused_training(root=gone), gone, "no such file")
    names(refused_training(root=empty), empty, ".png")
    (empty / "notes.txt").write_text("x")
    names(refused_training(root=empty), empty, ".png")
    for folder in (gone, empty):
        assert str(folder) in refused("predict", "--run", run, "--input", folder, "--output", tmp_path / "o")
        assert str(folder) in refused("evaluate", "--pred", folder, "--truth", folder)
    words = ("--input", empty / "notes.txt", "--output", tmp_path / "o")
    names(refused("predict", "--run", run, *words), "notes.txt", "'.txt'", ".png")


def test_a_flat_picture_where_volumes_are_wanted(refused, toy_images, tmp_path):
    words = ("--out", tmp_path / "run", "DATASET.ROOT", toy_images / "images", *FAST)
    said = refused("train", "--cfg", TOY / "adgan_3d.yaml", *words)
    names(said, "cell0.png", "64x64", "volumes", "DATASET.SIZE")


def test_folders_that_are_no_runs(refused, run, toy_images, tmp_path):
    words = ("--input", toy_images / "images", "--output", tmp_path / "out")
    for folder in (tmp_path / "nowhere", toy_images / "images"):
        names(refused("predict", "--run", folder, *words), folder, "config.yaml", "--out")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    names(refused("predict", "--run", copy, *words), copy, "no weights", "train")
    (copy / "weights.safetensors").write_bytes((run / "weights.safetensors").read_bytes()[:-50])
    names(refused("predict", "--run", copy, *words), "weights.safetensors", "damaged")
    (copy / "weights.safetensors").write_bytes((run / "weights.safetensors").read_bytes())
    (copy / "config.yaml").write_text((run / "config.yaml").read_text().replace("WIDTH: 4", "WIDTH: 6"))
    said = refused("predict", "--run", copy, *words)
    names(said, "weights.safetensors", "config.yaml", "size mismatch")
    (copy / "config.yaml").write_bytes(b"\xff\xff")
    names(refused("predict", "--run", copy, *words), "config.yaml", "UTF-8")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("pairs", "told"), [
    (["SOLVER.LR", "1"], ["SOLVER.LR", "INFERENCE", "DATASET.IMAGE"]),
    (["CHANNEL", "1"], ["CHANNEL", "DATASET.IMAGE.CHANNEL"]),
    (["LR", "1"], ["LR", "SOLVER.LR"]),
    (["NOWHERE"], ["NOWHERE", "no such file"]),
    (["INFERENCE.OVERLAP", "0", "CHANNEL", "1"], ["CHANNEL", "DATASET.IMAGE.CHANNEL"]),
    (["INFERENCE.OVERLAP", "0", "WINDOW", "[8, 8]"], ["WINDOW", "INFERENCE.WINDOW"]),
    (["INFERENCE.WINDOW", "[8]"], ["INFERENCE.WINDOW", "SIZE", "[8]"]),
    (["INFERENCE.OVERLAPP", "0.5"], ["INFERENCE.OVERLAPP", "INFERENCE.OVERLAP"]),
    (["INFERENCE.DECODER.NAME", "ternary"], ["'ternary'", "TARGET 'mask'", "INFERENCE.DECODER.NAME"]),
    (["INFERENCE.OVERLAP"], ["INFERENCE.OVERLAP", "KEY VALUE"]),
])  # fmt: skip
def test_overrides_that_a_run_does_not_take(refused, run, toy_images, tmp_path, pairs, told):
    words = ("--input", toy_images / "images", "--output", tmp_path / "out")
    names(refused("predict", "--run", run, *words, *pairs), *told)


def test_results_that_would_overwrite_each_other(refused, run, toy_images, tmp_path):
    one = toy_images / "images" / "cell0.png"
    words = ("--input", one, toy_images / "labels" / "cell0.tif", "--output", tmp_path / "out")
    names(refused("predict", "--run", run, *words), "cell0.png", "cell0.tif", "'cell0'")
    zarr = pytest.importorskip("zarr")
    both = tmp_path / "both"
    zarr.open_group(both / "brain.ome.zarr", mode="w")["image"] = np.ones((32, 32), np.uint8)
    with h5py.File(both / "brain.h5", "w") as file:
        file["image"] = np.ones((32, 32), np.uint8)
    words = ("--input", both, "--output", tmp_path / "out", "--blocks", "--format", "h5")
    names(refused("predict", "--run", run, *words), "brain.ome.zarr", "brain.h5", "'brain'")
    assert not (tmp_path / "out").exists()


def test_a_folder_for_results_that_is_none_or_lies_in_an_input(refused, run, toy_images, tmp_path):
    words = ("predict", "--run", run, "--input", toy_images / "images" / "cell0.png", "--output")
    (tmp_path / "mine").touch()
    for place in (tmp_path / "mine", tmp_path / "mine" / "out"):
        names(refused(*words, place), place, "--output", "file")
    for name in ("a_label.tif", "A.PNG"):
        names(refused(*words, tmp_path / name), tmp_path / name, "--output", "folder")
        assert not (tmp_path / name).exists()
    zarr = pytest.importorskip("zarr")
    group = tmp_path / "brain.ome.zarr"
    zarr.open_group(group, mode="w")["image"] = np.eye(32, dtype=np.uint8)
    before = sorted(group.rglob("*"))
    for one in (group, group / "image"):
        for place in (group, group / "image" / "out", tmp_path / "x" / ".." / group.name / "out"):
            told = refused("predict", "--run", run, "--input", one, "--output", place)
            names(told, place, "--output", "input", group)
    assert sorted(group.rglob("*")) == before


@pytest.mark.parametrize("words", [("--overlay",), ("--to", "maps")])
def test_what_is_not_written_by_blocks(refused, run, toy_images, tmp_path, words):
    images, out = toy_images / "images", tmp_path / "out"
    told = refused("predict", "--run", run, "--input", images, "--output", out, "--blocks", *words)
    names(told, "by blocks", "labels", "tables", " ".join(words))
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "a.zarr", mode="w")["image"] = np.eye(32, dtype=np.uint8)
    told = refused("predict", "--run", run, "--input", images, tmp_path / "a.zarr", "--output", out, *words)
    names(told, "a.zarr", "by blocks", " ".join(words))
    assert not out.exists()


def test_images_where_labels_are_wanted(refused, run, toy_images, tmp_path):
    folder = tmp_path / "floats"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", np.random.default_rng(0).random((32, 32)).astype(np.float32))
    words = ("--input", folder, "--output", tmp_path / "out", "--to", "image")
    for command in (("predict", "--run", run, *words), ("evaluate", "--pred", folder, "--truth", folder)):
        names(refused(*command), "a.tif", "fractions", "integers")


def trained(tmp_path, name, *pairs):
    """The folder of a run of one step on simulated pictures."""
    return api.train(api.load_config(TOY / f"{name}.yaml", [*FAST, *pairs]), tmp_path / "trained").path


ONLY_TRANSLATES = [
    "METHOD", "{NAME: cyclegan, GENERATOR: {WIDTH: 4, BLOCKS: 1}, DISCRIMINATOR: {WIDTH: 4, BLOCKS: 1}}",
    "TARGET.NAME", "mask", "INFERENCE.DECODER", "{NAME: components}",
]  # fmt: skip


@pytest.mark.parametrize("pairs", [[], ONLY_TRANSLATES], ids=["cysgan", "cyclegan"])
def test_labels_are_no_pictures_of_a_source_that_has_its_own(refused, toy_images, tmp_path, pairs):
    run = trained(tmp_path, "cysgan_2d", *pairs)
    words = ("--input", toy_images / "labels", "--output", tmp_path / "out", "--to", "image")
    names(refused("predict", "--run", run, *words), "labels", "pictures", "DATASET.SOURCE")


def test_what_only_translates_is_not_scored_and_does_not_segment(refused, toy_images, tmp_path):
    words = ("--out", tmp_path / "run", *FAST, *ONLY_TRANSLATES, "DATASET.ROOT", toy_images)
    words += ("MONITOR.PICTURES", "images", "MONITOR.TRUTH", "labels")
    said = refused("train", "--cfg", TOY / "cysgan_2d.yaml", *words)
    names(said, "METHOD 'cyclegan'", "translates", "translations")
    assert not (tmp_path / "run").exists()
    run = trained(tmp_path, "cysgan_2d", *ONLY_TRANSLATES)
    words = ("--input", toy_images / "images", "--output", tmp_path / "out")
    names(refused("predict", "--run", run, *words), "--to source")


def test_scores_are_of_labels(refused, tmp_path):
    for name in ("pred", "truth"):
        (tmp_path / name).mkdir()
    words = ("--pred", tmp_path / "pred", "--truth", tmp_path / "truth")
    tifffile.imwrite(tmp_path / "pred" / "a_label.tif", np.ones((8, 8), np.uint16))
    tifffile.imwrite(tmp_path / "truth" / "a.tif", np.full((8, 8), -1, np.int16))
    names(refused("evaluate", *words), "a.tif", "-1", "0")
    tifffile.imwrite(tmp_path / "truth" / "a.tif", np.full((8, 8), 2**32 - 1, np.uint32))
    names(refused("evaluate", *words), "a.tif", 2**32 - 1, "numpy.unique")
    colour = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    for name in ("pred/a_label.tif", "truth/a.tif"):
        (tmp_path / name).unlink()
        colour.save((tmp_path / name).with_suffix(".png"))
    names(refused("evaluate", *words), "colour", "integer", "TIFF")


def test_scores_need_pairs_of_one_shape(refused, toy_images, tmp_path):
    labels = toy_images / "labels"
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    tifffile.imwrite(tmp_path / "a" / "other_label.tif", np.ones((8, 8), np.uint16))
    said = refused("evaluate", "--pred", tmp_path / "a", "--truth", labels)
    names(said, "<name>_label.tif", "other", "cell0")
    tifffile.imwrite(tmp_path / "b" / "cell1_label.tif", np.ones((8, 8), np.uint16))
    said = refused("evaluate", "--pred", tmp_path / "b", "--truth", labels)
    names(said, "8x8", "64x64", "cell1_label.tif")


def test_places_that_cannot_be_written_to(refused, run, toy_images, tmp_path):
    file = tmp_path / "file"
    file.touch()
    words = ("DATASET.ROOT", toy_images / "images", *FAST)
    assert str(file) in refused("train", "--cfg", CONFIG, "--out", file, *words)
    assert str(file) in refused("train", "--cfg", CONFIG, "--out", file / "run", *words)
    words = ("--run", run, "--input", toy_images / "images")
    assert str(file) in refused("predict", *words, "--output", file)
    labels = toy_images / "labels"
    for words in (("--json", file / "a.json"), ("--out", file)):
        assert str(file) in refused("evaluate", "--pred", labels, "--truth", labels, *words)


def test_a_full_disk_while_predicting(refused, run, toy_images, tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    words = ("--run", run, "--input", toy_images / "images", "--output", tmp_path / "out")
    names(refused("predict", *words), "disk", "full", "--resume")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("what", "told"), [
    ("METHDS", ["'METHDS'", "mean METHODS"]), ("METHODS.adgn", ["'adgn'", "'adgan'"]),
    ("no", ["'no'", "METHODS"]),
])  # fmt: skip
def test_what_is_not_on_the_list(refused, what, told):
    names(refused("list", what), *told)


def test_a_plugin_that_cannot_be_loaded(refused_training, refused, tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    said = refused("list", "--plugin", tmp_path / "broken.py")
    names(said, "broken.py", "ModuleNotFoundError")


@pytest.mark.parametrize("command", [
    ["train"], ["predict", "--run", "x"], ["evaluate"], ["fly"], ["train", "--cfg", "a.yaml", "--fast"], [],
    ["train", "--cfg", "a.yaml", "b.yaml", "--out", "x"], ["predict", "--run", "x", "--to", "mars"],
])  # fmt: skip
def test_a_command_line_that_is_none_shows_how_it_goes(command, capsys):
    with pytest.raises(SystemExit) as left:
        main(command)
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.startswith("usage: nucleizoo") and "error: " in said
