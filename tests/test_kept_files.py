"""No command replaces a file that nucleizoo did not write; results of one prediction belong together."""

import csv
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from support.cuts import CONFIG, Cut, words
from support.naming import names
from support.toy_picture import toy_picture

from nucleizoo import METHODS, api, io
from nucleizoo.blockwise.write import ome_zarr
from nucleizoo.cli import main
from nucleizoo.inference import nuclei_table

LABELS, PICTURE = toy_picture(0, (48, 64), np.uint8)


@pytest.fixture(scope="module")
def runs(annotated, tmp_path_factory):
    """Thresholds that find most nuclei, and the bright ones alone."""
    METHODS.register("cut")(Cut)
    out = tmp_path_factory.mktemp("runs")
    yield [
        str(api.train(api.load_config(CONFIG, words(annotated, level, 1)), out / f"level{level}").path)
        for level in (-0.4, 0.55)
    ]
    for known in (METHODS._entries, METHODS._places):
        del known["cut"]


@pytest.fixture
def images(tmp_path):
    """A folder with the pictures `a.tif` and `b.tif`."""
    (tmp_path / "images").mkdir()
    for name in "ab":
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", PICTURE)
    return tmp_path / "images"


@pytest.fixture
def predict(runs, images):
    """Predict the pictures into their folder with one of the runs; gives the exit code."""

    def predict(*more, run=0, output=images):
        return main(["predict", "--run", runs[run], "--input", str(images), "--output", str(output), *more])

    return predict


def by_hand(path):
    """A file of other software, of whatever kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".tif", ".png"):
        tifffile.imwrite(path, LABELS) if path.suffix == ".tif" else Image.fromarray(PICTURE).save(path)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["label"] = LABELS
    elif path.suffix == ".zarr":
        io.zarr_library().save_array(path, LABELS)
    else:
        path.write_text("mine, by hand\n1,2\n")
    return path


def content(path):
    """All bytes of a file or folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file.read_bytes() for file in files if file.is_file()]


@pytest.mark.parametrize(("name", "more"), [
    ("a_label.tif", []), ("a_nuclei.csv", ["--table"]), ("a_overlay.png", ["--overlay"]),
    ("a_maps.tif", ["--to", "maps"]), ("a_label.tif", ["--blocks"]),
    ("a_nuclei.csv", ["--blocks", "--table"]),
    ("a_label.h5", ["--format", "h5"]), ("a_label.ome.zarr", ["--format", "ome-zarr"]),
])  # fmt: skip
def test_prediction_keeps_what_it_did_not_write_and_goes_on(predict, tmp_path, capsys, name, more):
    kept = by_hand(tmp_path / "out" / name)
    before = content(kept)
    for index in range(2):  # the second time its own results are replaced
        assert predict(*more, output=tmp_path / "out") == 1, index
        said = capsys.readouterr()
        names(said.err, kept, "kept")
        assert "a.tif ->" not in said.out and "b.tif ->" in said.out
    assert content(kept) == before


def test_labels_by_hand_alone_are_an_error(predict, images, capsys):
    kept = by_hand(images / "a_label.tif")
    (images / "b.tif").unlink()
    before = content(kept)
    assert predict() == 2
    names(capsys.readouterr().err, "error:", kept, "kept")
    assert content(kept) == before


def correct(path):
    """Change a result in place, as people do who correct it, and as its mark survives."""
    if path.suffix == ".zarr":
        array = io.zarr_library().open_array(path / "0", mode="r+")
        array[:9, :9] = 7
    elif path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file["label"][:9, :9] = 7
    elif path.suffix in (".png", ".tif"):
        with Image.open(path) as image:
            pixels, info, tags = np.array(image), PngInfo(), getattr(image, "tag_v2", None)
            info.add_text("Software", str(image.info.get("Software")))
        pixels[:9, :9] = 7
        Image.fromarray(pixels).save(path, **({"tiffinfo": tags} if tags else {"pnginfo": info}))
    else:
        text = path.read_text()
        path.write_text(text.replace("1", "7"))
        assert path.read_text() != text


@pytest.mark.parametrize(("end", "more"), [
    ("_label.tif", []), ("_overlay.png", ["--overlay"]), ("_nuclei.csv", ["--table"]),
    ("_label.tif", ["--blocks"]), ("_nuclei.csv", ["--blocks", "--table"]), ("_label.h5", ["--format", "h5"]),
    ("_label.ome.zarr", ["--format", "ome-zarr"]), ("_maps.tif", ["--to", "maps"]),
])  # fmt: skip
def test_results_that_somebody_corrected_are_kept_and_others_replaced(predict, tmp_path, capsys, end, more):
    assert predict(*more, output=tmp_path / "made") == 0
    out = shutil.copytree(tmp_path / "made", tmp_path / "out", copy_function=shutil.copyfile)
    assert predict(*more, run=1, output=out) == 0  # a copy with other dates is replaced without a word
    newer = content(out / f"b{end}")
    correct(out / f"a{end}")
    assert io.is_ours(out / f"a{end}", nuclei_table.COLUMNS)
    before = {file: content(file) for file in out.iterdir() if file.name.startswith("a_")}
    capsys.readouterr()
    assert predict(*more, output=out) == 1
    names(capsys.readouterr().err, out / f"a{end}", "changed", "kept", "--output")
    assert {file: content(file) for file in out.iterdir() if file.name.startswith("a_")} == before
    assert content(out / f"b{end}") != newer
    shutil.move(out / f"a{end}", tmp_path / "mine")
    assert predict(*more, output=out) == 0


@pytest.mark.parametrize("format_", ["tif", "h5", "ome-zarr"])
def test_resuming_leaves_corrected_labels_alone(predict, tmp_path, format_):
    out, end = tmp_path / "out", {"tif": "tif", "h5": "h5", "ome-zarr": "ome.zarr"}[format_]
    words = ["--blocks", "--format", format_]
    assert predict(*words, output=out) == 0
    if format_ != "tif":  # no program that keeps the mark keeps the OME metadata of a TIFF
        correct(out / f"a_label.{end}")
    before = content(out / f"a_label.{end}")
    assert predict(*words, "--resume", output=out) == 0
    assert content(out / f"a_label.{end}") == before


def test_labels_corrected_while_they_are_predicted_again_are_kept(predict, tmp_path, monkeypatch, capsys):
    out, add = tmp_path / "out", ome_zarr.add_checksum
    words = ["--format", "ome-zarr"]
    assert predict(*words, output=out) == 0

    def corrected_meanwhile(path):
        add(path)
        if path.parent.name == ".a_blocks":
            correct(out / "a_label.ome.zarr")

    monkeypatch.setattr(ome_zarr, "add_checksum", corrected_meanwhile)
    assert predict(*words, output=out) == 1
    names(capsys.readouterr().err, out / "a_label.ome.zarr", "changed", "kept")
    monkeypatch.undo()
    shutil.move(out / "a_label.ome.zarr", tmp_path / "mine")
    assert (io.zarr_library().open_array(tmp_path / "mine" / "0", mode="r")[:9, :9] == 7).all()
    assert predict(*words, "--resume", output=out) == 0
    assert not io.is_changed(out / "a_label.ome.zarr") and not list(out.glob(".*"))


@pytest.mark.parametrize("format_", ["tif", "h5", "ome-zarr"])
def test_a_prediction_cut_off_at_any_replacement_is_resumed(predict, images, tmp_path, monkeypatch, format_):
    """What is left, whichever of the files is older, is not taken for changed."""
    (images / "b.tif").unlink()
    out, replace = tmp_path / "out", os.replace
    words = ["--blocks", "--table", "--format", format_]
    assert predict(*words, output=out) == 0
    for cut in ("a_nuclei", "a_label", ".a_nuclei"):

        def stops(source, target, *, cut=cut):
            if Path(target).parent == out and Path(target).name.startswith(cut):
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(os, "replace", stops)
        assert predict(*words, run=1, output=out) == 130
        monkeypatch.setattr(os, "replace", replace)
        assert predict(*words, "--resume", run=1, output=out) == 0
        assert not any(map(io.is_changed, out.glob("a_*"))) and len([*out.glob("a_*")]) == 2


@pytest.mark.parametrize("blocks", [[], ["--blocks"]])
def test_corrected_companions_of_older_labels_are_kept_and_named(predict, tmp_path, caplog, blocks):
    out = tmp_path / "out"
    assert predict("--table", "--overlay", output=out) == 0
    correct(out / "a_nuclei.csv"), correct(out / "b_overlay.png")
    before = content(out / "a_nuclei.csv"), content(out / "b_overlay.png")
    assert predict(*blocks, run=1, output=out) == 0
    assert (content(out / "a_nuclei.csv"), content(out / "b_overlay.png")) == before
    assert not (out / "b_nuclei.csv").exists() and not (out / "a_overlay.png").exists()
    assert [file.name for file in out.glob(".*")] == [".a_nuclei.csv.sum"]
    warned = "\n".join(record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    names(warned, "a_nuclei.csv", "b_overlay.png", "kept", "changed")


@pytest.mark.parametrize("kept", ["metrics.json", "images.csv", "a_errors.png"])
def test_scores_that_somebody_changed_are_kept(images, tmp_path, capsys, kept):
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(np.uint16))
    out = tmp_path / "out"
    command = ["evaluate", "--pred", tmp_path / "a.tif", "--truth", tmp_path / "a.tif", "--out", out]
    for _ in range(2):
        assert main([str(word) for word in command]) == 0
    correct(out / kept)
    before = content(out / kept)
    assert main([str(word) for word in command]) == (1 if kept == "a_errors.png" else 2)
    names(capsys.readouterr().err, out / kept, "changed", "kept")
    assert content(out / kept) == before


@pytest.mark.parametrize("format_", ["tif", "h5", "ome-zarr"])
def test_own_results_are_replaced_in_every_format(predict, images, format_):
    words = ["--format", format_, "--table"] if format_ != "tif" else ["--table", "--overlay"]
    assert [predict(*words, run=run) for run in (0, 1, 0)] == [0, 0, 0]
    labels = [file for file in images.iterdir() if "_label" in file.name]
    assert len(labels) == 2 and all(map(io.is_ours, labels))


def test_results_beside_pictures_are_not_predicted_again(predict, images, caplog):
    with caplog.at_level("INFO"):
        assert [predict("--overlay", "--table") for _ in range(3)] == [0, 0, 0]
    assert sorted(file.name for file in images.iterdir() if not file.name.startswith(".")) == sorted(
        f"{name}{end}" for name in "ab" for end in (".tif", "_label.tif", "_overlay.png", "_nuclei.csv")
    )
    names(caplog.text, "a_label.tif", "left out")


def test_one_file_given_twice_is_predicted_once(runs, images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(images)
    paths = [".", "a.tif", str(images / "a.tif"), "./b.tif"]
    assert main(["predict", "--run", runs[0], "--input", *paths, "--output", str(tmp_path / "out")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("blocks", [[], ["--blocks"], ["--format", "h5"]])
def test_companions_of_older_labels_are_removed(predict, tmp_path, caplog, blocks):
    out = tmp_path / "out"
    assert predict("--table", "--overlay", output=out) == 0
    by_hand(out / "a_notes.csv"), by_hand(out / "c_overlay.png")
    with caplog.at_level("INFO"):
        assert predict(*blocks, run=1, output=out) == 0
    left = {file.name for file in out.iterdir()}
    assert not left & {f"{name}{end}" for name in "ab" for end in ("_nuclei.csv", "_overlay.png")}
    assert {"a_notes.csv", "c_overlay.png"} <= left
    names(caplog.text, "a_nuclei.csv", "a_overlay.png", "removed")


@pytest.mark.parametrize("blocks", [[], ["--blocks"]])
def test_maps_stay_beside_labels_of_the_same_weights_alone(predict, tmp_path, blocks):
    out = tmp_path / "out"
    assert predict("--to", "maps", output=out) == 0
    assert predict(*blocks, "INFERENCE.DECODER.MIN_SIZE", "9", output=out) == 0
    assert (out / "a_maps.tif").is_file() and (out / "a_label.tif").is_file()
    by_hand(out / "b_maps.tif")
    assert predict(*blocks, run=1, output=out) == 0
    assert not (out / "a_maps.tif").exists() and (out / "b_maps.tif").is_file()


def test_a_foreign_table_beside_new_labels_stays(predict, tmp_path):
    kept = by_hand(tmp_path / "out" / "a_nuclei.csv")
    before = content(kept)
    assert predict(output=tmp_path / "out") == 0 and content(kept) == before


def test_overlays_of_planes_go_with_their_stack_and_not_with_another_picture(runs, tmp_path):
    out, stack = tmp_path / "out", np.stack([PICTURE] * 3)
    for name, picture in (("s", stack), ("s_0001x", PICTURE), ("s_0002", PICTURE)):
        tifffile.imwrite(tmp_path / f"{name}.tif", picture, photometric="minisblack")
    command = ["predict", "--run", runs[0], "--output", str(out), "--input"]
    for name in ("s", "s_0001x"):
        assert main([*command, str(tmp_path / f"{name}.tif"), "--overlay"]) == 0
    (out / "s_0002_overlay.png").unlink()
    assert main([*command, str(tmp_path / "s_0002.tif"), "--overlay"]) == 0
    assert main([*command, str(tmp_path / "s.tif")]) == 0
    assert sorted(file.name for file in out.glob("*_overlay.png")) == [
        "s_0001x_overlay.png", "s_0002_overlay.png"
    ]  # fmt: skip


def test_evaluate_refuses_a_table_of_other_labels(predict, tmp_path, capsys):
    """As many nuclei, of the same numbers and other sizes."""
    out, truth = tmp_path / "out", tmp_path / "truth"
    assert predict("--table", output=out) == 0
    truth.mkdir()
    for name in "ab":
        tifffile.imwrite(truth / f"{name}.tif", LABELS.astype(np.uint16))
    command = ["evaluate", "--pred", str(out), "--truth", str(truth)]
    assert main(command) == 0
    labels = io.read(out / "a_label.tif").data
    smaller = labels.copy()
    smaller[tuple(np.argwhere(labels)[0])] = 0
    for other in (np.where(labels == 1, 0, labels), labels + (labels == labels.max()), smaller):
        tifffile.imwrite(out / "a_label.tif", other.astype(np.uint16))
        capsys.readouterr()
        assert main(command) == 1
        names(capsys.readouterr().err, "a_nuclei.csv", "a_label.tif", "--table")


@pytest.mark.parametrize(("command", "kept"), [
    ("estimate {images} --picture {out}/mine.png", "mine.png"),
    ("evaluate --pred {labels} --truth {labels} --json {out}/mine.tif", "mine.tif"),
    ("evaluate --pred {labels} --truth {labels} --json {out}/scores.json", "scores.json"),
    ("evaluate --pred {labels} --truth {labels} --out {out}", "metrics.json"),
    ("evaluate --pred {labels} --truth {labels} --out {out}", "images.csv"),
    ("compare {run} --data {data} --out {out}", "report.html"),
    ("compare {run} --data {data} --out {out}", "report.csv"),
    ("compare {run} --data {data} --out {out}", "report.md"),
    ("sample --cfg {cfg} --out {out} DATASET.ROOT {images}", "panel.png"),
    ("data join {data}/images --to {out}/mine.h5", "mine.h5"),
    ("figure content {run} --input {images} --out {out}", "content.png"),
    ("figure content {run} --input {images} --out {out}", "separability.csv"),
    ("figure interpolation --run {run} --input {images} --out {out}", "interpolation.csv"),
    ("figure ablation adgan --data {data} --out {out}", "ablation.md"),
])  # fmt: skip
def test_every_command_refuses_a_file_of_other_software_before_any_work(
    runs, images, annotated, tmp_path, capsys, command, kept
):
    out = tmp_path / "out"
    by_hand(out / kept)
    before = content(out / kept)
    places = {
        "images": images, "labels": annotated / "labels", "data": annotated, "run": runs[0], "out": out,
        "cfg": CONFIG,
    }  # fmt: skip
    assert main(command.format(**places).split()) == 2
    names(capsys.readouterr().err, "error:", out / kept, "kept")
    assert content(out / kept) == before and [file.name for file in out.iterdir()] == [kept]


def test_results_of_another_kind_are_kept_too(predict, images, annotated, tmp_path, capsys):
    assert predict("--overlay") == 0
    labels = str(annotated / "labels")
    for command, kept in (
        (["estimate", str(annotated / "images"), "--picture"], "a_label.tif"),
        (["evaluate", "--pred", labels, "--truth", labels, "--json"], "a_label.tif"),
        (["evaluate", "--pred", labels, "--truth", labels, "--json"], "a_overlay.png"),
    ):
        before = content(images / kept)
        assert main([*command, str(images / kept)]) == 2
        names(capsys.readouterr().err, images / kept)
        assert content(images / kept) == before


def test_commands_replace_their_own_results(runs, annotated, tmp_path):
    labels, out = str(annotated / "labels"), tmp_path / "out"
    for _ in range(2):
        assert main(["estimate", str(annotated / "images"), "--picture", str(tmp_path / "seen.png")]) == 0
        words = [
            "--pred",
            labels,
            "--truth",
            labels,
            "--json",
            str(tmp_path / "scores.json"),
            "--out",
            str(out),
        ]
        assert main(["evaluate", *words]) == 0
        assert main(["compare", runs[0], "--data", str(annotated), "--out", str(out)]) == 0
    with (out / "images.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 8
    shutil.rmtree(out)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("value", "more"), [
    (0, []), (7, ["--table", "--overlay"]), (0, ["--blocks", "--table"]), (9, ["--format", "h5"]),
    (5, ["--blocks", "DATASET.IMAGE.SCALING.NAME", "percentile"]),
    (0, ["DATASET.IMAGE.SCALING.NAME", "minmax", "DATASET.IMAGE.SCALING.INVERT", "true"]),
    (3, ["--blocks", "DATASET.IMAGE.SCALING.NAME", "minmax"]),
    (3, ["--blocks", "DATASET.IMAGE.SCALING.NAME", "minmax", "DATASET.IMAGE.SCALING.OVER", "image"]),
])  # fmt: skip
def test_a_blank_field_has_no_nuclei_and_the_others_are_predicted(
    predict, images, tmp_path, capsys, caplog, dtype, value, more
):
    tifffile.imwrite(images / "a.tif", np.full((48, 64), value, dtype))
    out = tmp_path / "out"
    assert predict(*more, output=out) == 0
    told = capsys.readouterr().out.splitlines()
    assert "a_label" in told[0] and ": 0 nuclei" in told[0]
    names(caplog.text, "a.tif", "everywhere", "no nuclei")
    (labels,) = out.glob("a_label.*")
    found = io.read(labels, usual="label").data
    assert found.shape == (48, 64) and not found.any()
    assert io.read(next(out.glob("b_label.*")), usual="label").data.shape == (48, 64)
    if "--table" in more:
        assert len((out / "a_nuclei.csv").read_text().splitlines()) == 1


def test_a_blank_picture_is_scored(runs, annotated, tmp_path):
    shutil.copytree(annotated, tmp_path / "data")
    tifffile.imwrite(tmp_path / "data" / "images" / "cell0.tif", np.zeros((48, 64), np.uint8))
    tifffile.imwrite(tmp_path / "data" / "labels" / "cell0.tif", np.zeros((48, 64), np.uint16))
    assert main(["compare", runs[0], "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 0
