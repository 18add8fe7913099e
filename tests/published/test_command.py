"""The command, and what it wrote in the hands of all the others."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from support import published_sets as sets
from support.naming import names

from nucleizoo import api, build, cli, io
from nucleizoo.contracts import Method
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.preprocess import Scan

CONFIGS = Path(__file__).parents[2] / "configs"


def test_list_shows_all_or_one(capsys):
    assert cli.main(["data", "list"]) == 0
    assert "Fluo-N3DH-CHO" in capsys.readouterr().out
    assert cli.main(["data", "list", "NucExM"]) == 0
    assert "MIT" in capsys.readouterr().out
    assert cli.main(["data", "list", "nothing"]) == 2
    names(capsys.readouterr().err, "'nothing'", "Fluo-N2DL-HeLa")


def test_fetch_tells_licence_and_origin_before_it_fails(tmp_path, capsys):
    assert (
        cli.main(["data", "fetch", "HaCaT", "--to", str(tmp_path / "to"), "--from-dir", str(tmp_path)]) == 2
    )
    shown = capsys.readouterr()
    assert "CC0" in shown.out and "S-BSST265" in shown.out
    names(shown.err, tmp_path / "dataset.zip", "no such file")


def test_check_counts_and_its_exit_code_tells(tmp_path, capsys):
    root = sets.ctc(tmp_path / "Fluo-N2DL-HeLa")
    assert cli.main(["data", "check", str(root)]) == 0
    assert "train  3 images, 1 gt labels, 3 st labels, 3 markers" in capsys.readouterr().out
    (root / "01" / "t001.tif").unlink()
    assert cli.main(["data", "check", str(root)]) == 1
    assert capsys.readouterr().err == "missing: 01/t001.tif\n"


def test_what_is_arranged_is_trained_on_segmented_and_scored(tmp_path, capsys):
    root = sets.ctc(tmp_path / "Fluo-N2DL-HeLa", shape=(40, 48))
    assert cli.main(["data", "arrange", str(root), "--to", str(tmp_path / "all"), "--all"]) == 0
    assert cli.main(["data", "arrange", str(root), "--to", str(tmp_path / "test"), "--split", "test"]) == 0
    assert "6 images, 2 labels, 6 markers" in capsys.readouterr().out
    train = ["--cfg", str(CONFIGS / "toy" / "adgan_2d.yaml"), "--out", str(tmp_path / "run")]
    short = [
        "SOLVER.TOTAL",
        "1",
        "SYSTEM.WORKERS",
        "0",
        "MONITOR.SNAPSHOT",
        "0",
        "MONITOR.TENSORBOARD",
        "false",
    ]
    assert cli.main(["train", *train, "DATASET.ROOT", str(tmp_path / "all" / "images"), *short]) == 0
    images, labels = str(tmp_path / "test" / "images"), str(tmp_path / "labels")
    assert cli.main(["predict", "--run", str(tmp_path / "run"), "--input", images, "--output", labels]) == 0
    scores = [
        "--truth",
        str(tmp_path / "test" / "labels"),
        "--out",
        str(tmp_path / "scores"),
        "--images",
        images,
    ]
    assert cli.main(["evaluate", "--pred", labels, *scores, "--border", "2"]) == 0
    result = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert list(result["images"]) == ["02_t001"] and not result["missing"]


class Bright(Method):
    """The mask is the picture itself: what is brighter than the middle is nucleus."""

    def __init__(self, task):
        super().__init__(task)
        self.anything = torch.nn.Parameter(torch.zeros(1))

    def forward(self, image):
        return (image + 1) / 2

    def groups(self):
        return {}

    def train_step(self, batch, clock):
        yield from ()


def opened(name, root, *pairs):
    return api.load_config(CONFIGS / f"{name}.yaml", ["DATASET.ROOT", str(root), *pairs])


def arranged(root, name, output):
    list(api.arrange_data(root, output, name=name, every=True))
    return output


def segmented(config, path):
    """Shape of what a network sees of a file, and the labels predicted on the file's own voxels."""
    method = Bright(build.task(config))
    made = Segmenter(method, config, torch.float32)
    (scan,) = made.read(path)
    return scan.image.shape[1:], made.segment(scan).labels


def test_sizes_of_the_decoder_of_nucexm_hold_at_the_resolution_that_the_network_sees(tmp_path):
    """MIN_SIZE is 256 at a quarter of the file's pixels: 180 voxels there are dropped, 336 kept."""
    config = opened("cysgan_nucexm", tmp_path)
    segmenter = Segmenter(Bright(build.task(config)), config, torch.float32)
    seen = np.zeros((12, 24, 24), bool)
    seen[1:6, 2:8, 2:8] = True  # 5 x 6 x 6 voxels
    seen[3:9, 12:19, 12:20] = True  # 6 x 7 x 8
    maps = np.stack([seen, np.zeros_like(seen), seen * 1.9 - 1]).astype(np.float32)
    scan = Scan(
        np.zeros((1, *seen.shape), np.float32), (), (12, 96, 96), (2.5, 0.325, 0.325), (1.0, 0.25, 0.25)
    )  # fmt: skip
    labels = segmenter.decode(scan, maps).labels
    assert labels.max() == 1 and labels[5, 60, 60] == 1 and labels[3, 20, 20] == 0


@pytest.mark.parametrize(
    "name", ["cysgan_nucexm", "u3dbcd_nucexm_matched_source", "u3dbcd_nucexm_matched_image"]
)
def test_configurations_of_nucexm_open_what_was_arranged(name, tmp_path):
    arranged(sets.nucmm(tmp_path / "mm"), "NucMM-Z", tmp_path / "nucmm")
    arranged(sets.nucexm(tmp_path / "ex"), "NucExM", tmp_path / "nucexm")
    config = opened(name, tmp_path)
    rng, size = np.random.default_rng(0), tuple(config.DATASET.SIZE)
    images = build.image_dataset(config)
    assert images.sample(rng, size).image.shape == (1, *size)
    assert {file.name for file in images.used_files()} & {"V1.tif", "V2.tif"} == {"V1.tif"}
    crop = build.source_dataset(config).sample(rng, size)
    assert crop.labels.max() > 0
    assert crop.spacing == pytest.approx((0.48, 0.48 / 2.56, 0.48 / 2.56))


def test_the_configuration_of_cho_opens_what_was_arranged_at_its_voxel_size(tmp_path):
    arranged(sets.ctc_planes(tmp_path / "cho"), "Fluo-N3DH-CHO", tmp_path / "cho_n3dh")
    config = opened("adgan_ins_cho_3d_cpu", tmp_path)
    (scan,) = build.reader(config).read(tmp_path / "cho_n3dh" / "images" / "01_t000.tif")
    assert scan.image.shape == (1, 10, round(12 * 0.404), round(16 * 0.404))
    assert build.image_dataset(config).sample(np.random.default_rng(0), (8, 64, 64)).spacing == (
        0.5,
        0.5,
        0.5,
    )


def test_magnifications_become_one_for_the_network_and_labels_come_back_in_pixels_of_the_file(tmp_path):
    root = sets.s_bsst265(tmp_path / "set")
    labels = np.zeros((126, 126), np.uint16)
    labels[21:63, 21:63], labels[84:105, 84:105] = 1, 2
    sets.write(root / "rawimages" / "normal_1.tif", np.where(labels, 250, 10).astype(np.uint8))
    sets.write(root / "groundtruth" / "normal_1.tif", labels)
    output = arranged(root, "HaCaT", tmp_path / "out")
    config = opened("adgan_hacat", output / "images", "INFERENCE.DECODER.FOREGROUND", "0.5")
    seen, found = segmented(config, output / "images" / "normal_1.tif")
    assert seen == (40, 40)  # 63x to 20x
    assert found.shape == labels.shape
    truth = io.read(output / "labels" / "normal_1.tif").data
    assert found.max() == 2 and ((found > 0) & (truth > 0)).sum() / ((found > 0) | (truth > 0)).sum() > 0.9


def test_volumes_that_are_quartered_for_the_network_are_segmented_in_voxels_of_the_file(tmp_path):
    root = sets.nucexm(tmp_path / "set")
    labels = np.zeros((8, 64, 64), np.uint16)
    labels[2:6, 8:40, 8:40] = 1
    for name, key, array in (("vol1_im", "main", np.where(labels, 250, 10)), ("vol1_seg", "main", labels)):
        with h5py.File(root / f"{name}.h5", "w") as file:
            file[key] = array.astype(np.uint8)
    output = arranged(root, "NucExM", tmp_path / "nucexm")
    config = opened("cysgan_nucexm", tmp_path)
    config = opened(
        "adgan_scaffold_3d", output / "images", "INFERENCE.WINDOW", "[]",
        "DATASET.IMAGE.ZOOM", str(list(config.DATASET.IMAGE.ZOOM)), "INFERENCE.DECODER.FOREGROUND", "0.5",
    )  # fmt: skip
    seen, found = segmented(config, output / "images" / "V1.tif")
    assert (seen, found.shape) == ((8, 16, 16), (8, 64, 64))
    assert ((found > 0) & (labels > 0)).sum() / ((found > 0) | (labels > 0)).sum() > 0.8
