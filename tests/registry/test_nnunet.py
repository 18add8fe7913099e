"""nnU-Net by stand-ins of its commands: what it learns from, where its model stays, and resuming."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support import fake_programs
from support.naming import names

from nucleizoo import api
from nucleizoo.build import Experiment
from nucleizoo.core.errors import ConfigError, MissingProgramError, ProgramError

CONFIG = Path(__file__).parents[2] / "configs" / "nnunet_round_dense_cpu.yaml"

PLAN = """
import os, shutil
raw, to = (Path(os.environ[f"nnUNet_{one}"], "Dataset001_nuclei") for one in ("raw", "preprocessed"))
shutil.copytree(raw, SEEN)
to.mkdir(parents=True)
"""

TRAIN = """
import os
to = Path(os.environ["nnUNet_results"], "Dataset001_nuclei", f"{after('-tr')}__nnUNetPlans__{words[1]}")
fold = to / f"fold_{words[2]}"
fold.mkdir(parents=True, exist_ok=True)
if INTERRUPTED and "--c" not in words:
    (fold / "checkpoint_latest.pth").touch()
    sys.exit("power failure")
for name in ("plans.json", "dataset.json"):
    (to / name).write_text("{}")
(fold / "checkpoint_final.pth").write_bytes(b"learned")
"""

PREDICT = """
import numpy, tifffile
assert Path(after("-m"), "fold_all", "checkpoint_final.pth").read_bytes() == b"learned"
assert Path(after("-m"), "plans.json").is_file() and Path(after("-m"), "dataset.json").is_file()
Path(after("-o")).mkdir()
for file in Path(after("-i")).glob("*_0000.tif"):
    picture = tifffile.imread(file)
    classes = (picture > 0.3).astype(numpy.uint8) + (picture > 0.7)
    tifffile.imwrite(Path(after("-o"), file.name.replace("_0000", "")), classes)
"""


@pytest.fixture
def commands(tmp_path):
    """The folder of the stand-ins; with `interrupted`, the first training ends early."""

    def install(interrupted=False):
        folder, seen = tmp_path / "bin", tmp_path / "seen"
        settings = f"INTERRUPTED, SEEN = {interrupted}, {str(seen)!r}\n"
        for name, body in (
            ("plan_and_preprocess", PLAN), ("train", TRAIN), ("predict_from_modelfolder", PREDICT)
        ):  # fmt: skip
            fake_programs.command(folder, f"nnUNetv2_{name}", settings + body)
        return folder

    return install


@pytest.fixture
def pairs(tmp_path):
    """KEY VALUE pairs for a labelled picture: a core of 255 in a rim of 128, one nucleus or two."""
    picture = np.zeros((40, 48), np.uint8)
    picture[6:26, 4:44], picture[10:22, 8:22], picture[10:22, 27:40] = 128, 255, 255
    labels = (picture > 0).astype(np.uint8)
    labels[:, 24:] *= 2
    for name, array in (("images", picture), ("labels", labels)):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.fromarray(array).save(tmp_path / "data" / name / "a.png")
    return [
        "DATASET.ROOT", str(tmp_path / "data"), "DATASET.SIZE", "[32, 32]", "SOLVER.BATCH", "3",
        "DATASET.IMAGE.PATH", "images", "DATASET.SOURCE.IMAGES", "images", "DATASET.SOURCE.LABELS", "labels",
        "INFERENCE.DECODER.SMOOTH", "0.0",
    ]  # fmt: skip


def config(pairs, commands, *more):
    return api.load_config(CONFIG, [*pairs, "METHOD.COMMANDS", str(commands), *more])


def test_it_learns_from_one_batch_and_its_model_stays_with_the_run(commands, pairs, tmp_path):
    folder = commands()
    run = api.train(config(pairs, folder, "SOLVER.AVERAGE", "0.9"), tmp_path / "run")
    assert run.is_finished and run.iteration == 1
    plan, train = fake_programs.calls(folder)[:2]
    assert plan[0] == "nnUNetv2_plan_and_preprocess" and plan[plan.index("-c") + 1] == "2d"
    assert train == ["nnUNetv2_train", "1", "2d", "all", "-tr", "nnUNetTrainer_1epoch", "-device", "cpu"]
    shutil.rmtree(run.path / "program")  # it is in the weights
    (moved := tmp_path / "moved").parent.mkdir(exist_ok=True)
    shutil.move(run.path, moved)
    file = tmp_path / "data" / "images" / "a.png"
    assert list(api.predict(moved, [file], tmp_path / "out"))
    found = tifffile.imread(tmp_path / "out" / "a_label.tif")
    picture = np.asarray(Image.open(file))
    np.testing.assert_array_equal(found > 0, picture > 0)
    assert found.max() == 2  # two cores in one foreground
    assert not (set(found[10:22, 8:22].ravel()) & set(found[10:22, 27:40].ravel()))


def test_the_training_set_is_what_the_datasets_give(commands, pairs, tmp_path):
    run = api.train(config(pairs, commands()), tmp_path / "run")
    seen = tmp_path / "seen"
    told = json.loads((seen / "dataset.json").read_text())
    assert told["numTraining"] == 3 and told["labels"] == {"background": 0, "rim": 1, "core": 2}
    assert told["overwrite_image_reader_writer"] == "NaturalImage2DIO"
    images, labels = sorted((seen / "imagesTr").iterdir()), sorted((seen / "labelsTr").iterdir())
    assert [file.name for file in images] == [f"000{n}_0000.tif" for n in range(3)]
    assert [file.name for file in labels] == [f"000{n}.tif" for n in range(3)]
    for image, label in zip(images, labels, strict=True):
        picture, classes = tifffile.imread(image), tifffile.imread(label)
        assert picture.shape == classes.shape == (32, 32) and picture.dtype == np.float32
        assert 0 <= picture.min() and picture.max() <= 1 and set(np.unique(classes)) <= {0, 1, 2}
        # augmentation turns the crop, whose edges are then interpolated
        assert ((picture > 0.25) == (classes > 0)).mean() > 0.9
    assert not (run.path / "program" / "raw").exists()


def test_an_interrupted_training_goes_on_where_it_stopped(commands, pairs, tmp_path):
    folder = commands(interrupted=True)
    with pytest.raises(ProgramError) as caught:
        api.train(config(pairs, folder), tmp_path / "run")
    names(str(caught.value), "nnUNetv2_train", "power failure")
    run = api.train(config(pairs, folder), tmp_path / "run", resume=True)
    assert run.is_finished
    called = [(name, "--c" in words) for name, *words in fake_programs.calls(folder)]
    assert called[:3] == [
        ("nnUNetv2_plan_and_preprocess", False), ("nnUNetv2_train", False), ("nnUNetv2_train", True),
    ]  # fmt: skip


def test_without_its_commands_it_says_what_to_install(pairs, tmp_path):
    with pytest.raises(MissingProgramError) as caught:
        api.train(config(pairs, tmp_path / "nowhere"), tmp_path / "run")
    names(str(caught.value), "nnUNetv2_train", "nnunetv2", "METHOD.COMMANDS")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("changes", "said"), [
    (["SOLVER.TOTAL", "100"], ("SOLVER.TOTAL", 1, "SOLVER.BATCH")),
    (["SOLVER.TOTAL", "0"], ("SOLVER.TOTAL", 1)),
    (["TARGET.NAME", "labels", "INFERENCE.DECODER.NAME", "labels"], ("mask", "ternary")),
    (["METHOD.PROCESSES", "0"], ("PROCESSES", 0)),
])  # fmt: skip
def test_what_it_cannot_do_is_refused_before_files_are_read(changes, said):
    with pytest.raises(ConfigError) as caught:
        Experiment.check(api.load_config(CONFIG, changes))
    names(str(caught.value), *said)
