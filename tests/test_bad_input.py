"""What a user can get wrong: one paragraph that says what to mend, exit code 2, and no traceback."""

import errno
import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

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

    def refused(*command):
        assert main([str(word) for word in command]) == 2
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
    ("SOLVER.LRR 1", "SOLVER.LRR is not a key; did you mean SOLVER.LR?"),
    ("SOLVR.LR 1", "SOLVR is not a key; did you mean SOLVER?"),
    ("METHOD.GENERATOR.WIDHT 3", "is not a key of 'adain'; did you mean METHOD.GENERATOR.WIDTH?"),
    ("SOLVER.LR fast", "SOLVER.LR wants float (default 0.0002), got 'fast'"),
    ("SOLVER.BATCH 2.5", "SOLVER.BATCH wants int"),
    ("DATASET.SIZE 32", "DATASET.SIZE wants tuple"),
    ("METHOD.ALIGNED maybe", "METHOD.ALIGNED wants bool"),
    ("SOLVER.LR .nan", "SOLVER.LR wants float"),
    ("METHOD.NAME adgn", "METHOD.NAME: no method is called 'adgn'. Did you mean 'adgan'?"),
    ("METHOD.GENERATOR.NAME unett", "no generator is called 'unett'"),
    ("METHOD.GENERATOR 3", "name its entry with METHOD.GENERATOR.NAME"),
    ("SOLVER.LR", "SOLVER.LR has no value"),
    ("SOLVER 3", "sets keys below SOLVER, and then SOLVER to a value"),
    ("TARGET 3", "name its entry with TARGET.NAME"),
    # ranges
    ("SOLVER.BATCH 0", "SOLVER.BATCH is 1 or more, got 0"),
    ("SOLVER.TOTAL -1", "SOLVER.TOTAL is 1 or more, got -1"),
    ("SOLVER.OPTIMISER.NAME adamx", "SOLVER.OPTIMISER.NAME: no optimiser is called 'adamx'. Did you"),
    ("SOLVER.SCHEDULE cosine", "name its entry with SOLVER.SCHEDULE.NAME cosine"),
    ("SOLVER.LR -1e-4", "SOLVER.LR is above 0, got -0.0001"),
    ("SOLVER.OPTIMISER.BETAS [0.9]", "SOLVER.OPTIMISER 'adam': BETAS are two numbers"),
    ("SOLVER.OPTIMISER.BETAS [0.9, 1.0]", "at least 0 and below 1, got [0.9, 1.0]"),
    ("SOLVER.OPTIMISER.WEIGHT_DECAY -1", "WEIGHT_DECAY is 0 or more"),
    ("SOLVER.WARMUP -1", "SOLVER.WARMUP is 0 or more"),
    ("SOLVER.SCHEDULE.HOLD 1.5", "SOLVER.SCHEDULE 'linear': HOLD is a share in [0, 1], got 1.5"),
    ("SOLVER.AVERAGE 1.0", "SOLVER.AVERAGE is at least 0 and below 1, got 1.0"),
    ("SYSTEM.SEED -1", "SYSTEM.SEED is 0 or more"),
    ("SYSTEM.WORKERS -2", "SYSTEM.WORKERS is -1 (automatic) or more, got -2"),
    ("SYSTEM.DEVICE gpu", "SYSTEM.DEVICE: 'gpu' is not a device; use auto, cpu or cuda"),
    ("SYSTEM.DEVICE cuda:99", "SYSTEM.DEVICE: cuda:99 is not on this machine; use auto or cpu"),
    ("SYSTEM.PRECISION fp16", "SYSTEM.PRECISION is auto, bf16 or fp32, got 'fp16'"),
    ("SYSTEM.PLUGINS [nowhere.py]", "the plugin"),
    ("DATASET.SIZE [32]", "DATASET.SIZE is two or three pixel counts, (y, x) or (z, y, x), got [32]"),
    ("DATASET.SIZE [1, 2, 3, 4]", "DATASET.SIZE is two or three pixel counts"),
    ("DATASET.SIZE [32, -32]", "DATASET.SIZE is two or three pixel counts"),
    ("DATASET.SIZE [32, 30]", "DATASET.SIZE wants multiples of 4, 8 or more"),
    ("DATASET.CHANNELS 0", "DATASET.CHANNELS is 1 or more"),
    ("DATASET.CHANNELS 3", "got 3 and 1; set DATASET.CHANNELS to 1, or take a target of 3"),
    ("DATASET.SPACING [1.0]", "DATASET.SPACING is one length above 0 (micrometres)"),
    ("DATASET.SPACING [1.0, 0.0]", "DATASET.SPACING is one length above 0 (micrometres)"),
    ("DATASET.SPACING [1.0, 1.0]", "does not say its voxel size"),
    ("INFERENCE.WINDOW [8, 8, 8]", "INFERENCE.WINDOW is one pixel count above 0"),
    ("INFERENCE.WINDOW [0, 8]", "INFERENCE.WINDOW is one pixel count above 0"),
    ("INFERENCE.STATISTICS whole", "INFERENCE.STATISTICS is one of auto, training, image, tile"),
    ("INFERENCE.OVERLAP 1.0", "INFERENCE.OVERLAP is at least 0 and below 1"),
    ("MONITOR.SAVE 0", "MONITOR.SAVE is 1 or more, got 0"),
    ("MONITOR.LOG 0", "MONITOR.LOG is 1 or more, got 0"),
    ("MONITOR.SNAPSHOT -1", "MONITOR.SNAPSHOT is 0 or more"),
    ("MONITOR.VALIDATE -1", "MONITOR.VALIDATE is 0 or more"),
    # settings of entries, and what does not fit together
    ("TARGET.NAME ternary", "'components' reads mask, but TARGET 'ternary' has ternary"),
    ("INFERENCE.DECODER.FOREGROUND 2", "INFERENCE.DECODER 'components': FOREGROUND"),
    ("METHOD.POOL -1", "METHOD 'adgan': a pool keeps 0 pictures or more, got -1"),
    ("METHOD.GENERATOR.WIDTH 0", "METHOD 'adgan': the generator wants WIDTH and STYLE_WIDTH of 1 or more"),
    ("METHOD.GENERATOR.BLOCKS -1", "METHOD 'adgan': the generator wants"),
    ("METHOD.CYCLE.WEIGHT -1", "METHOD 'adgan': the WEIGHT of a loss must not be negative, got -1.0"),
    ("METHOD.DISCRIMINATOR.NAME patchgan", "a domain critic is wanted; take 'domain'"),
    ("DATASET.SOURCE.NAME labelled", "take a DATASET.SOURCE of labels alone: 'synthetic'"),
    ("DATASET.SOURCE {NAME: labelled, LABELS: ../labels}", "take a DATASET.SOURCE of labels alone"),
    ("METHOD.DISCRIMINATOR.WIDTH -2", "METHOD 'adgan': the critic wants WIDTH and BLOCKS of 1 or more"),
    ("DATASET.SOURCE.SEMI_AXIS [150, 160]", "makes every nucleus larger than the patch (32, 32)"),
    ("DATASET.SOURCE.SEMI_AXIS [900, 999]", "SEMI_AXIS"),
    ("DATASET.SOURCE.COUNT [0, 0]", "asks for no nuclei"),
    ("DATASET.SOURCE.COUNT [5, 1]", "COUNT wants a range [low, high]"),
    ("DATASET.AUGMENT.ANGLE 100", "DATASET.AUGMENT 'simple': ANGLE"),
    ("DATASET.IMAGE.CHANNEL green", "DATASET.IMAGE 'images': CHANNEL"),
    ("DATASET.IMAGE.ZOOM [0.0]", "DATASET.IMAGE 'images': ZOOM"),
    ("DATASET.IMAGE.SCALING.GAMMA 0", "GAMMA must be above 0"),
    ("DATASET.IMAGE.CACHE_GB -1", "CACHE_GB"),
    ("DATASET.IMAGE.PATH nowhere", "nowhere: there is no such file or folder"),
    ("DATASET.IMAGE.PATH *.jpg", "*.jpg: there is no image file"),
    ("MONITOR.TRUTH cell0.png", "MONITOR.TRUTH has 1 files, MONITOR.PICTURES 3"),
    ("MONITOR.TRUTH ../labels/*.png", "there is no image file"),
    ("MONITOR.TRUTH ../volume_labels/*.tif", "MONITOR.TRUTH has 2 files"),
])  # fmt: skip
def test_a_configuration_that_cannot_work(refused_training, pairs, told):
    key, _, value = pairs.partition(" ")
    said = refused_training(key, *([value] if value else []))
    assert told in said, said


@pytest.mark.parametrize(("name", "pairs", "told"), [
    ("cyclegan", "METHOD.DISCRIMINATOR {NAME: domain}", "'domain' is a domain critic"),
    ("cyclegan", "METHOD.DISCRIMINATOR {NAME: histogram}", "'histogram' is a distribution critic"),
    ("cyclegan", "METHOD.GENERATOR {NAME: adain}", "a translator is wanted; take 'resnet' or 'unet'"),
    ("udct", "METHOD.HISTOGRAM {NAME: patchgan}", "METHOD.HISTOGRAM.NAME: 'patchgan' is a critic"),
    ("udct", "METHOD.NOISE -0.1", "METHOD 'udct': NOISE must not be negative, got -0.1"),
    ("cysgan", "METHOD.MAP_DISCRIMINATOR {NAME: histogram}", "MAP_DISCRIMINATOR.NAME: 'histogram' is a"),
    ("cysgan", "METHOD.SEGMENTATION.MSE -5", "BCE, DICE and MSE must not be negative, got 1.0, 0.5 and -5.0"),
    ("cysgan", "METHOD.GENERATOR.WIDTH 1", "WIDTH wants 2 or more"),
    ("cysgan", "INFERENCE.DECODER.NAME components", "set INFERENCE.DECODER.NAME to bc or bcd"),
    ("cysgan", "DATASET.SOURCE {NAME: images}", "needs maps, which the datasets 'simulated_exm' (image) and"),
    ("cysgan", "DATASET.SOURCE {NAME: labelled}", "has no labels in it"),
    ("supervised", "DATASET.SOURCE {NAME: synthetic}", "DATASET.SOURCE gives labels alone"),
])  # fmt: skip
def test_parts_that_do_not_fit_each_other(refused, toy_images, tmp_path, name, pairs, told):
    words = ("--out", tmp_path / "run", "DATASET.ROOT", toy_images / "images", *FAST)
    said = refused("train", "--cfg", TOY / f"{name}_2d.yaml", *words, *pairs.split(" ", 1))
    assert told in said, said


@pytest.mark.parametrize(("blocks", "full_map", "smallest"), [(6, True, 64), (4, False, 48)])
def test_a_crop_too_small_for_the_discriminator(refused, toy_images, tmp_path, blocks, full_map, smallest):
    slot = "METHOD.DISCRIMINATOR"
    words = ("DATASET.ROOT", toy_images / "images", *FAST)
    words += (f"{slot}.BLOCKS", blocks, f"{slot}.FULL_MAP", full_map)
    said = refused("train", "--cfg", CONFIG, "--out", tmp_path / "run", *words)
    assert f"DATASET.SIZE wants {smallest} or more along every axis, got (32, 32): less leaves" in said
    assert not (tmp_path / "run").exists()


def test_truth_of_another_shape_is_told_before_the_training(refused_training, toy_images, tmp_path):
    tifffile.imwrite(tmp_path / "truth.tif", np.ones((8, 8), np.uint16))
    pictures = str(toy_images / "images" / "cell0.png")
    said = refused_training("MONITOR.PICTURES", pictures, "MONITOR.TRUTH", str(tmp_path / "truth.tif"))
    assert re.search("truth.tif: has labels for .* 8x8, but .*cell0.png has .* 64x64", said)


def test_all_that_is_wrong_is_told_at_once(refused_training):
    said = refused_training("SOLVER.BATCH", "0", "MONITOR.SAVE", "0", "DATASET.SPACING", "[1]")
    assert all(key in said for key in ("SOLVER.BATCH", "MONITOR.SAVE", "DATASET.SPACING"))
    said = refused_training("SOLVER.BTCH", "0", "SYSTEM.SEED", "x")
    assert "SOLVER.BTCH" in said and "SYSTEM.SEED" in said


@pytest.mark.parametrize(("text", "told"), [
    (None, "no_such.yaml: cannot be read: No such file or directory"),
    ("SOLVER: {LR: 1", "expected ',' or '}'"),
    ("- a\n- b", "the top level must be a mapping"),
    ("SOLVER: {LR: 1}\nSOLVER: {LR: 2}", "SOLVER is given twice"),
    ("SOLVER: !!python/object/apply:os.system [ls]", "is refused; write plain values"),
    ("_BASE_: gone.yaml", "gone.yaml: cannot be read"),
    ("SOLVER: {LR: 1}", "METHOD.NAME is missing; choose a method"),
    ("", "METHOD.NAME is missing"),
    ("METHOD: {NAME: [1]}", "METHOD.NAME wants str"),
    ("METHOD: adgan", "name its entry with METHOD.NAME"),
    ("\t: x", "line 1"),
])  # fmt: skip
def test_a_configuration_file_that_is_none(refused_training, tmp_path, text, told):
    file = tmp_path / "no_such.yaml"
    if text is not None:
        file.write_text(text)
    assert told in refused_training(cfg=file)


def test_a_configuration_is_a_yaml_file(refused_training, tmp_path):
    assert "ending in .yaml" in refused_training(cfg=tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    assert "not UTF-8" in refused_training(cfg=tmp_path / "binary.yaml")


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
    ("truncated", "cannot be read"), ("truncated tiff", "cut short"), ("text", "cannot be read"),
    ("empty", "is an empty file"), ("one value", "has the value 7 everywhere"), ("colour", "the key CHANNEL"),
    ("nan", "holds NaN"), ("two datasets", "name one with the key DATASET"),
])  # fmt: skip
def test_an_image_that_cannot_be_used_is_named(refused_training, refused, run, tmp_path, kind, told):
    folder = tmp_path / "data"
    folder.mkdir()
    bad = damage(folder, kind)
    said = refused_training(root=folder)
    assert said.startswith(f"error: {bad}: ") and told in said
    said = refused("predict", "--run", run, "--input", bad, "--output", tmp_path / "out")
    assert said.startswith(f"error: {bad}: ") and told in said
    assert not list((tmp_path / "out").iterdir())


def test_colour_is_used_when_the_key_says_how(run, tmp_path, capsys):
    bad = damage(tmp_path, "colour")
    words = ["--run", str(run), "--input", str(bad), "--output", str(tmp_path / "out")]
    assert main(["predict", *words, "DATASET.IMAGE.CHANNEL", "luminance"]) == 0


def test_folders_that_are_not_there_or_empty(refused_training, refused, run, tmp_path):
    gone, empty = tmp_path / "gone", tmp_path / "empty"
    empty.mkdir()
    assert f"{gone}: there is no such file or folder" in refused_training(root=gone)
    assert f"{empty}: the folder holds no image file" in refused_training(root=empty)
    (empty / "notes.txt").write_text("x")
    assert "holds no image file; looked for .png" in refused_training(root=empty)
    for folder in (gone, empty):
        assert str(folder) in refused("predict", "--run", run, "--input", folder, "--output", tmp_path / "o")
        assert str(folder) in refused("evaluate", "--pred", folder, "--truth", folder)
    words = ("--input", empty / "notes.txt", "--output", tmp_path / "o")
    assert "'.txt' files are not read" in refused("predict", "--run", run, *words)


def test_a_flat_picture_where_volumes_are_wanted(refused, toy_images, tmp_path):
    words = ("--out", tmp_path / "run", "DATASET.ROOT", toy_images / "images", *FAST)
    said = refused("train", "--cfg", TOY / "adgan_3d.yaml", *words)
    assert "is a flat picture of 64x64, and volumes are wanted" in said


def test_folders_that_are_no_runs(refused, run, toy_images, tmp_path):
    words = ("--input", toy_images / "images", "--output", tmp_path / "out")
    assert "is not a run folder" in refused("predict", "--run", tmp_path / "nowhere", *words)
    assert "is not a run folder" in refused("predict", "--run", toy_images / "images", *words)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    assert "has no weights yet" in refused("predict", "--run", copy, *words)
    (copy / "weights.safetensors").write_bytes((run / "weights.safetensors").read_bytes()[:-50])
    assert "weights.safetensors is damaged" in refused("predict", "--run", copy, *words)
    (copy / "weights.safetensors").write_bytes((run / "weights.safetensors").read_bytes())
    (copy / "config.yaml").write_text((run / "config.yaml").read_text().replace("WIDTH: 4", "WIDTH: 6"))
    said = refused("predict", "--run", copy, *words)
    assert "holds weights of another configuration than config.yaml: size mismatch for " in said
    (copy / "config.yaml").write_bytes(b"\xff\xff")
    assert "not UTF-8" in refused("predict", "--run", copy, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("pairs", "told"), [
    (["SOLVER.LR", "1"], "SOLVER.LR was fixed by the training"),
    (["INFERENCE.OVERLAP", "0", "CHANNEL", "1"], "CHANNEL is no key; did you mean DATASET.IMAGE.CHANNEL?"),
    (["INFERENCE.OVERLAP", "0", "WINDOW", "[8, 8]"], "WINDOW is no key; did you mean INFERENCE.WINDOW?"),
    (["INFERENCE.WINDOW", "[8]"], "INFERENCE.WINDOW is one pixel count above 0"),
    (["INFERENCE.OVERLAPP", "0.5"], "did you mean INFERENCE.OVERLAP?"),
    (["INFERENCE.DECODER.NAME", "ternary"], "reads ternary, but TARGET 'mask' has mask"),
    (["INFERENCE.OVERLAP"], "INFERENCE.OVERLAP has no value"),
])  # fmt: skip
def test_overrides_that_a_run_does_not_take(refused, run, toy_images, tmp_path, pairs, told):
    words = ("--input", toy_images / "images", "--output", tmp_path / "out")
    assert told in refused("predict", "--run", run, *words, *pairs)


def test_results_that_would_overwrite_each_other(refused, run, toy_images, tmp_path):
    one = toy_images / "images" / "cell0.png"
    words = ("--input", one, toy_images / "labels" / "cell0.tif", "--output", tmp_path / "out")
    assert "have one name, 'cell0'" in refused("predict", "--run", run, *words)
    zarr = pytest.importorskip("zarr")
    both = tmp_path / "both"
    zarr.open_group(both / "brain.ome.zarr", mode="w")["image"] = np.ones((32, 32), np.uint8)
    with h5py.File(both / "brain.h5", "w") as file:
        file["image"] = np.ones((32, 32), np.uint8)
    words = ("--input", both, "--output", tmp_path / "out", "--blocks", "--format", "h5")
    assert "have one name, 'brain'" in refused("predict", "--run", run, *words)
    assert not (tmp_path / "out").exists()


def test_a_folder_for_results_that_is_none_or_lies_in_an_input(refused, run, toy_images, tmp_path):
    words = ("predict", "--run", run, "--input", toy_images / "images" / "cell0.png", "--output")
    (tmp_path / "mine").touch()
    for place in (tmp_path / "mine", tmp_path / "mine" / "out"):
        assert f"{place}: --output must be a folder, and a file is in its place" in refused(*words, place)
    zarr = pytest.importorskip("zarr")
    group = tmp_path / "brain.ome.zarr"
    zarr.open_group(group, mode="w")["image"] = np.eye(32, dtype=np.uint8)
    before = sorted(group.rglob("*"))
    for one in (group, group / "image"):
        for place in (group, group / "image" / "out", tmp_path / "x" / ".." / group.name / "out"):
            told = refused("predict", "--run", run, "--input", one, "--output", place)
            assert f"{place}: --output lies in the input {group}, which is only read" in told
    assert sorted(group.rglob("*")) == before


@pytest.mark.parametrize("words", [("--overlay",), ("--to", "maps")])
def test_what_is_not_written_by_blocks(refused, run, toy_images, tmp_path, words):
    images, out = toy_images / "images", tmp_path / "out"
    told = refused("predict", "--run", run, "--input", images, "--output", out, "--blocks", *words)
    assert told.endswith(f"by blocks, which writes labels and tables; leave out {' '.join(words)}\n")
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "a.zarr", mode="w")["image"] = np.eye(32, dtype=np.uint8)
    told = refused("predict", "--run", run, "--input", images, tmp_path / "a.zarr", "--output", out, *words)
    assert "a.zarr: is predicted by blocks" in told and not out.exists()


def test_images_where_labels_are_wanted(refused, run, toy_images, tmp_path):
    folder = tmp_path / "floats"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", np.random.default_rng(0).random((32, 32)).astype(np.float32))
    words = ("--input", folder, "--output", tmp_path / "out", "--to", "image")
    assert "holds fractions; labels are integers" in refused("predict", "--run", run, *words)
    assert "labels are integers" in refused("evaluate", "--pred", folder, "--truth", folder)


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
    assert "makes no image of labels, for its source was pictures" in refused("predict", "--run", run, *words)


def test_what_only_translates_is_not_scored_and_does_not_segment(refused, toy_images, tmp_path):
    words = ("--out", tmp_path / "run", *FAST, *ONLY_TRANSLATES, "DATASET.ROOT", toy_images)
    words += ("MONITOR.PICTURES", "images", "MONITOR.TRUTH", "labels")
    said = refused("train", "--cfg", TOY / "cysgan_2d.yaml", *words)
    assert "METHOD 'cyclegan' only translates" in said and not (tmp_path / "run").exists()
    run = trained(tmp_path, "cysgan_2d", *ONLY_TRANSLATES)
    words = ("--input", toy_images / "images", "--output", tmp_path / "out")
    assert "predict with '--to source'" in refused("predict", "--run", run, *words)


def test_scores_are_of_labels(refused, tmp_path):
    for name in ("pred", "truth"):
        (tmp_path / name).mkdir()
    words = ("--pred", tmp_path / "pred", "--truth", tmp_path / "truth")
    tifffile.imwrite(tmp_path / "pred" / "a_label.tif", np.ones((8, 8), np.uint16))
    tifffile.imwrite(tmp_path / "truth" / "a.tif", np.full((8, 8), -1, np.int16))
    assert "a.tif: holds values from -1 to -1; labels are 0 to" in refused("evaluate", *words)
    tifffile.imwrite(tmp_path / "truth" / "a.tif", np.full((8, 8), 2**32 - 1, np.uint32))
    said = refused("evaluate", *words)
    assert "a.tif: holds values from 4294967295" in said and "number them from 1, as numpy.unique" in said
    colour = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    for name in ("pred/a_label.tif", "truth/a.tif"):
        (tmp_path / name).unlink()
        colour.save((tmp_path / name).with_suffix(".png"))
    assert "is in colour; labels are one integer a voxel" in refused("evaluate", *words)


def test_scores_need_pairs_of_one_shape(refused, toy_images, tmp_path):
    labels = toy_images / "labels"
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    tifffile.imwrite(tmp_path / "a" / "other_label.tif", np.ones((8, 8), np.uint16))
    said = refused("evaluate", "--pred", tmp_path / "a", "--truth", labels)
    assert "a prediction is called <name>_label.tif" in said and "other" in said and "cell0" in said
    tifffile.imwrite(tmp_path / "b" / "cell1_label.tif", np.ones((8, 8), np.uint16))
    said = refused("evaluate", "--pred", tmp_path / "b", "--truth", labels)
    assert "(8, 8)" in said and "(64, 64)" in said and "cell1_label.tif" in said


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
    assert "the disk is full" in refused("predict", *words)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("what", "told"), [
    ("METHDS", "did you mean METHODS"), ("METHODS.adgn", "Did you mean 'adgan'?"), ("no", "Kinds: METHODS"),
])  # fmt: skip
def test_what_is_not_on_the_list(refused, what, told):
    assert told in refused("list", what)


def test_a_plugin_that_cannot_be_loaded(refused_training, refused, tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    said = refused("list", "--plugin", tmp_path / "broken.py")
    assert "cannot be loaded: ModuleNotFoundError" in said and "broken.py" in said


@pytest.mark.parametrize("command", [
    ["train"], ["predict", "--run", "x"], ["evaluate"], ["fly"], ["train", "--cfg", "a.yaml", "--fast"], [],
    ["train", "--cfg", "a.yaml", "b.yaml", "--out", "x"], ["predict", "--run", "x", "--to", "mars"],
])  # fmt: skip
def test_a_command_line_that_is_none_shows_how_it_goes(command, capsys):
    with pytest.raises(SystemExit) as left:
        main(command)
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.startswith("usage: nucleizoo") and "error: " in said
