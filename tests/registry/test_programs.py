"""Other people's programs, by stand-ins: how they are called, what arrives, what is told without them."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support import fake_programs
from support.naming import names

from nucleizoo import api
from nucleizoo.build import Experiment
from nucleizoo.core.errors import ConfigError, MissingProgramError, ProgramError, UserError

CONFIGS = Path(__file__).parents[2] / "configs"

CELLPOSE = """
from pathlib import Path
import numpy as np
MODEL_DIR, MODEL_NAMES, CALLS = Path({models!r}), {names!r}, []
class CellposeModel:
    def __init__(self, **settings):
        CALLS.append(settings)
    def eval(self, picture, **settings):
        CALLS.append(settings)
        return np.rint(picture * 255).astype(np.uint16), None, None
"""

STARDIST = """
import numpy as np
CALLS = []
class StarDist2D:
    def __init__(self, config, name, basedir):
        CALLS.append((config, name, basedir))
    def predict_instances(self, picture, **settings):
        CALLS.append(settings)
        return np.rint(picture * 255).astype(np.int32), {}
class StarDist3D(StarDist2D):
    pass
"""

CSBDEEP = """
CALLS = []
def normalize(picture, low, high):
    CALLS.append((low, high))
    return picture
"""

CELLPROFILER = """
import numpy, tifffile
if "--version" in words:
    print("4.2.8")
    sys.exit()
assert Path(after("-p")).read_text().startswith("CellProfiler Pipeline: http://www.cellprofiler.org\\n")
picture = tifffile.imread(Path(after("-i"), "picture.tif"))
assert picture.dtype == numpy.uint16
numpy.save(Path(after("-o"), "labels.npy"), (picture // 257).astype(numpy.int32))
"""


def trained(tmp_path, name, *pairs):
    """The run of a configuration that ships, for 2D."""
    return api.train(api.load_config(CONFIGS / f"{name}.yaml", pairs), tmp_path / "run")


def predicted(run, file, tmp_path, **settings):
    """The labels that a run writes for a file."""
    assert list(api.predict(run.path, [file], tmp_path / "out", **settings))
    return tifffile.imread(tmp_path / "out" / "a_label.tif")


@pytest.fixture
def cellpose(monkeypatch, tmp_path):
    """Install the stand-in of a version; returns its folder of weights and its calls."""

    def install(version="3.1.1", names=("cyto3", "nuclei"), kept=("nucleitorch_0",)):
        models = tmp_path / "models"
        models.mkdir()
        for name in kept:
            (models / name).write_bytes(b"weights")
        text = CELLPOSE.format(models=str(models), names=list(names))
        fake_programs.package(monkeypatch, tmp_path / "site", "cellpose", version, models=text)
        return models

    yield install
    sys.modules.pop("cellpose.models", None)


def told(module):
    """How a stand-in was called."""
    return sys.modules[module].CALLS


def test_labels_of_a_program_arrive_voxel_for_voxel(cellpose, tmp_path):
    cellpose()
    picture, labels = fake_programs.patchwork()
    file = fake_programs.write(tmp_path / "in", picture)
    run = trained(tmp_path, "cellpose_2d", "METHOD.DIAMETER", "17.0")
    np.testing.assert_array_equal(predicted(run, file, tmp_path), labels)
    made, called = told("cellpose.models")
    assert made.pop("device").type == "cpu" and made == {"model_type": "nuclei"}
    assert called["diameter"] == 17 and called["channels"] == [0, 0] and "do_3D" not in called


def test_labels_of_shrunken_files_are_those_of_the_nearest_voxels(monkeypatch, cellpose, tmp_path):
    """Between the labels 1 and 300 on voxels twice as wide, interpolation would invent others."""
    cellpose()
    run = trained(tmp_path, "cellpose_2d")
    small = np.repeat([[1] * 7 + [300] * 8], 10, axis=0).astype(np.int32)
    monkeypatch.setattr(
        sys.modules["cellpose.models"].CellposeModel, "eval", lambda self, picture, **_: (small, None, None)
    )
    file = fake_programs.write(tmp_path / "in", fake_programs.patchwork((20, 30))[0])
    found = predicted(run, file, tmp_path, overrides=["DATASET.IMAGE.ZOOM", "[0.5]"])
    np.testing.assert_array_equal(found, np.repeat([[1] * 14 + [2] * 16], 20, axis=0))


def test_version_four_gets_the_file_itself_and_its_first_model(cellpose, tmp_path):
    models = cellpose("4.2.1", ("cpsam_v2", "cpsam"), ("cpsam_v2",))
    file = fake_programs.write(tmp_path / "in", fake_programs.patchwork()[0])
    predicted(trained(tmp_path, "cellpose_2d"), file, tmp_path)
    made, called = told("cellpose.models")
    assert made["pretrained_model"] == str(models / "cpsam_v2") and "channels" not in called
    assert called["diameter"] is None


def test_volumes_are_segmented_along_all_axes(cellpose, tmp_path):
    cellpose()
    volume = np.zeros((6, 20, 20), np.uint8)
    volume[:3], volume[3:, 5:] = 255, 90
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", volume, metadata={"axes": "ZYX"})
    run = trained(tmp_path, "cellpose_3d", "METHOD.ANISOTROPY", "2.0")
    found = predicted(run, tmp_path / "in" / "a.tif", tmp_path)
    np.testing.assert_array_equal(found, np.select([volume == 255, volume == 90], [1, 2]))
    called = told("cellpose.models")[1]
    assert (called["do_3D"], called["z_axis"], called["anisotropy"]) == (True, 0, 2)


def test_weights_that_are_not_there_are_named_and_not_downloaded(cellpose, tmp_path):
    models = cellpose(kept=())
    with pytest.raises(MissingProgramError) as caught:
        trained(tmp_path, "cellpose_2d")
    names(str(caught.value), "nuclei", "nucleitorch_0", models / "nucleitorch_0", "METHOD.MODEL", "CC-BY-NC")
    assert not told("cellpose.models") and not (tmp_path / "run").exists()
    with pytest.raises(MissingProgramError) as caught:
        trained(tmp_path, "cellpose_2d", "METHOD.MODEL", "nucleus")
    names(str(caught.value), "nucleus", "cyto3", "nuclei", "3.1.1")


def test_a_file_of_weights_is_used_as_it_is(cellpose, tmp_path):
    cellpose(kept=())
    (tmp_path / "mine.pth").write_bytes(b"mine")
    file = fake_programs.write(tmp_path / "in", fake_programs.patchwork()[0])
    run = trained(tmp_path, "cellpose_2d", "METHOD.MODEL", str(tmp_path / "mine.pth"))
    predicted(run, file, tmp_path)
    assert told("cellpose.models")[0]["pretrained_model"] == str(tmp_path / "mine.pth")


def test_a_program_that_is_not_installed_or_broken_is_told(monkeypatch, tmp_path):
    fake_programs.forget(monkeypatch, "cellpose", "stardist")
    for name in ("cellpose", "stardist"):
        with pytest.raises(MissingProgramError) as caught:
            trained(tmp_path, f"{name}_2d")
        names(str(caught.value), "pip", "install", name)
    monkeypatch.undo()
    broken = "raise RuntimeError('operator torchvision::nms does not exist')"
    fake_programs.package(monkeypatch, tmp_path / "site", "cellpose", "4.0", models=broken)
    with pytest.raises(MissingProgramError) as caught:
        trained(tmp_path, "cellpose_2d")
    names(str(caught.value), "cellpose", "imported", "torchvision::nms")


def test_a_run_notes_program_and_weights_and_warns_of_others(cellpose, tmp_path, caplog):
    models = cellpose()
    run = trained(tmp_path, "cellpose_2d")
    noted = json.loads((run.path / "run.json").read_text())["program"]
    assert noted["cellpose"] == "3.1.1" and noted["weights"].startswith("nuclei ")
    file = fake_programs.write(tmp_path / "in", fake_programs.patchwork()[0])
    with caplog.at_level(logging.WARNING):
        predicted(run, file, tmp_path)
        assert not caplog.records
        (models / "nucleitorch_0").write_bytes(b"newer weights")
        predicted(run, file, tmp_path)
    names(caplog.text, noted["weights"], "weights", "new", "run")


def test_programs_see_whole_pictures_and_their_labels_alone(cellpose, tmp_path):
    cellpose()
    run = trained(tmp_path, "cellpose_2d")
    file = fake_programs.write(tmp_path / "in", fake_programs.patchwork()[0])
    with pytest.raises(UserError) as caught:
        list(api.predict(run.path, [file], tmp_path / "out", blocks=True))
    names(str(caught.value), "cellpose", "--blocks")
    for pairs, said in (
        (["INFERENCE.WINDOW", "[64, 64]"], ("INFERENCE.WINDOW", "cellpose")),
        (["TARGET.NAME", "mask", "INFERENCE.DECODER.NAME", "components"], ("TARGET.NAME", "labels")),
        (["DATASET.CHANNELS", "3"], ("DATASET.CHANNELS", 3)),
        (["SOLVER.TOTAL", "5"], ("SOLVER.TOTAL", 0)),
        (["METHOD.MIN_SIZE", "-1"], ("MIN_SIZE", -1)),
    ):
        with pytest.raises(ConfigError) as caught:
            Experiment.check(api.load_config(CONFIGS / "cellpose_2d.yaml", pairs))
        names(str(caught.value), *said)


def test_labels_of_another_size_than_the_picture_are_refused(monkeypatch, cellpose, tmp_path):
    cellpose()
    run = trained(tmp_path, "cellpose_2d")
    file = fake_programs.write(tmp_path / "in", fake_programs.patchwork()[0])
    model = sys.modules["cellpose.models"].CellposeModel
    monkeypatch.setattr(model, "eval", lambda self, picture, **_: (np.zeros((3, 3), np.int32), None, None))
    with pytest.raises(ProgramError) as caught:
        list(api.predict(run.path, [file], tmp_path / "out"))
    names(str(caught.value), "(3, 3)", "(40, 50)")


@pytest.fixture
def stardist(monkeypatch, tmp_path):
    """Install the stand-in; returns where it would keep its models."""
    fake_programs.package(monkeypatch, tmp_path / "site", "stardist", "0.9.2", models=STARDIST)
    fake_programs.package(monkeypatch, tmp_path / "more", "csbdeep", "0.8.2", utils=CSBDEEP)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    yield tmp_path / "keras" / "models" / "StarDist2D"
    for name in ("stardist.models", "csbdeep.utils"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("inside", ["", "2D_versatile_fluo", "2D_versatile_fluo_extracted"])
def test_stardist_finds_its_weights_where_versions_of_keras_keep_them(stardist, tmp_path, inside):
    place = stardist / "2D_versatile_fluo" / inside
    place.mkdir(parents=True)
    for name in ("config.json", "weights_best.h5"):
        (place / name).write_text("{}")
    picture, labels = fake_programs.patchwork()
    file = fake_programs.write(tmp_path / "in", picture)
    run = trained(tmp_path, "stardist_2d", "METHOD.PROB_THRESH", "0.6")
    np.testing.assert_array_equal(predicted(run, file, tmp_path), labels)
    made, called = told("stardist.models")
    assert made == (None, place.name, str(place.parent))
    assert (called["axes"], called["prob_thresh"], called["nms_thresh"]) == ("YX", 0.6, None)
    assert told("csbdeep.utils") == [(1, 99.8)]
    assert json.loads((run.path / "run.json").read_text())["program"]["stardist"] == "0.9.2"


def test_stardist_without_weights_says_what_belongs_where(stardist, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")  # without weights, it would go on with random ones
    for pairs, place in (
        ((), stardist / "2D_versatile_fluo"), (("METHOD.MODEL", str(tmp_path / "empty")), tmp_path / "empty"),
    ):  # fmt: skip
        with pytest.raises(MissingProgramError) as caught:
            trained(tmp_path, "stardist_2d", *pairs)
        names(str(caught.value), place, "METHOD.MODEL", "config.json")
    assert not told("stardist.models")


def test_cellprofiler_runs_without_windows_on_the_pipeline_of_the_settings(tmp_path):
    commands = tmp_path / "bin"
    fake_programs.command(commands, "cellprofiler", CELLPROFILER)
    picture, labels = fake_programs.patchwork()
    file = fake_programs.write(tmp_path / "in", picture)
    run = trained(tmp_path, "cellprofiler_2d", "METHOD.COMMANDS", str(commands))
    assert json.loads((run.path / "run.json").read_text())["program"] == {"cellprofiler": "4.2.8"}
    np.testing.assert_array_equal(predicted(run, file, tmp_path), labels)
    called = fake_programs.calls(commands)[-1]
    assert called[:4] == ["cellprofiler", "-c", "-r", "-p"] and called[5::2] == ["-i", "-o"]


def test_a_pipeline_has_the_modules_and_settings_in_the_order_in_which_they_are_read():
    pairs = ["METHOD.RULE", "otsu3", "METHOD.STRATEGY", "adaptive", "METHOD.SPLIT", "shape"]
    config = api.load_config(CONFIGS / "cellprofiler_2d.yaml", [*pairs, "METHOD.DIAMETER", "[7, 31]"])
    head, *modules = Experiment.of(config).method.pipeline().strip().split("\n\n")
    assert f"ModuleCount:{len(modules)}" in head.splitlines()
    lines = {module.partition(":")[0]: module.splitlines()[1:] for module in modules}
    counts = {name: len(settings) for name, settings in lines.items()}  # of CellProfiler 4.2.8
    assert counts == {
        "Images": 3, "Metadata": 15, "NamesAndTypes": 19, "Groups": 3, "IdentifyPrimaryObjects": 34,
        "ConvertObjectsToImage": 4, "SaveImages": 18,
    }  # fmt: skip
    values = [line.partition(":")[2] for line in lines["IdentifyPrimaryObjects"]]
    assert values[2] == "7,31" and values[4] == "No" and values[5:7] == ["Shape", "Shape"]
    assert values[17] == "Adaptive" and values[18] == values[33] == "Otsu" and values[24] == "Three classes"


def test_what_cellprofiler_says_when_it_fails_is_told(tmp_path):
    fake_programs.command(tmp_path / "bin", "cellprofiler", "print('no Java here'); sys.exit(3)")
    file = fake_programs.write(tmp_path / "in", fake_programs.patchwork()[0])
    run = trained(tmp_path, "cellprofiler_2d", "METHOD.COMMANDS", str(tmp_path / "bin"))
    with pytest.raises(ProgramError) as caught:
        predicted(run, file, tmp_path)
    names(str(caught.value), "cellprofiler", 3, "no Java here")
    fake_programs.command(tmp_path / "bin", "cellprofiler", "pass")
    with pytest.raises(ProgramError) as caught:
        predicted(run, file, tmp_path)
    names(str(caught.value), "cellprofiler", "labels", "4.2")
    with pytest.raises(MissingProgramError) as caught:
        predicted(trained(tmp_path / "b", "cellprofiler_2d"), file, tmp_path)
    names(str(caught.value), "cellprofiler", "PATH", "METHOD.COMMANDS")


def test_a_program_for_images_takes_no_volumes():
    with pytest.raises(ConfigError) as caught:
        Experiment.check(api.load_config(CONFIGS / "cellprofiler_2d.yaml", ["DATASET.SIZE", "[16, 64, 64]"]))
    names(str(caught.value), "cellprofiler", "2D", "3D", "DATASET.SIZE")
