import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.toy_methods import TASK, Duo, trainer

from nucleizoo.api import load_config
from nucleizoo.core.errors import ConfigError
from nucleizoo.runs import Run
from nucleizoo.training.report import Report
from nucleizoo.training.validation import Validation

TOY = Path(__file__).parents[2] / "configs" / "toy" / "adgan_2d.yaml"


class Bright(Duo):
    """What is brighter than the middle is nucleus."""

    def forward(self, image):
        return self.task.target.from_image(image)


@pytest.fixture
def data(tmp_path):
    """Two pictures of 20x20 with a bright square of 10x10; the truth of 'b' is twice as large."""
    for folder in ("images", "truth"):
        (tmp_path / folder).mkdir()
    for name, height in (("a", 10), ("b", 20)):
        picture = np.full((20, 20), 20, np.uint8)
        picture[:10, :10] = 200
        Image.fromarray(picture).save(tmp_path / "images" / f"{name}.png")
        labels = np.zeros((20, 20), np.uint16)
        labels[:height, :10] = 7
        tifffile.imwrite(tmp_path / "truth" / f"{name}.tif", labels)
    return tmp_path


def heights(validation):
    """Rows with nuclei in the truth of every picture."""
    return [int(labels.any(1).sum()) for file in validation.files for _, labels in file.pairs]


def words(folder):
    pairs = ["DATASET.ROOT", str(folder), "MONITOR.PICTURES", "images", "MONITOR.TRUTH", "truth"]
    return [*pairs, "MONITOR.TENSORBOARD", "False"]


def config(folder):
    return load_config(TOY, words(folder))


def test_scores_are_those_of_the_labels_and_go_to_the_log(data, caplog):
    caplog.set_level("INFO")
    settings = config(data)
    run = Run(data / "run", settings).create()
    report = Report(run, 2, False)
    made = trainer(Bright(TASK), [report])
    report.before_training(made)
    made.iteration = 4
    Validation(settings, report)(made)
    report.close()
    (row,) = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert row["iteration"] == 4
    # a: found exactly; b: half of it, all of it right
    assert row["truth"]["precision"] == 1.0 and row["truth"]["recall"] == pytest.approx((1 + 0.5) / 2)
    assert row["truth"]["dice"] == pytest.approx((1 + 2 / 3) / 2)
    assert row["truth"]["recall_pooled"] == pytest.approx(200 / 300)
    assert "dice 0.8333" in caplog.text


def test_files_must_match_in_number_and_shape(data):
    (data / "truth" / "b.tif").rename(data / "gone.tif")
    with pytest.raises(ConfigError, match=r"MONITOR\.TRUTH .*\b1\b.*MONITOR\.PICTURES .*\b2\b"):
        Validation(config(data), None)
    tifffile.imwrite(data / "truth" / "b.tif", np.ones((20, 21), np.uint16))
    with pytest.raises(ConfigError, match=r"TRUTH: .*b\.tif.* 20x21.*b\.png.* 20x20"):
        Validation(config(data), None)


@pytest.mark.parametrize("suffix", ["", "_label"])
def test_labels_are_those_of_the_same_name_whatever_their_order(data, suffix):
    for old, new in (("a", "t1"), ("b", "t2")):
        (data / "images" / f"{old}.png").rename(data / "images" / f"{new}.png")
        (data / "truth" / f"{old}.tif").rename(data / "truth" / f"{new}{suffix}.tif")
    settings = config(data)
    assert heights(Validation(settings, None)) == [10, 20]
    (data / "truth" / f"t1{suffix}.tif").rename(data / "truth" / f"t3{suffix}.tif")
    with pytest.raises(ConfigError, match=r"MONITOR\.TRUTH: .*t1\.png: .* labels"):
        Validation(settings, None)


def test_the_order_pairs_only_if_asked_for(data):
    for old, new in (("a", "man_seg1"), ("b", "man_seg2")):
        (data / "truth" / f"{old}.tif").rename(data / "truth" / f"{new}.tif")
    with pytest.raises(ConfigError, match=r"a\.png: .*man_seg1\.tif.*PAIR_BY"):
        Validation(config(data), None)
    by_order = load_config(TOY, [*words(data), "MONITOR.PAIR_BY", "order"])
    assert heights(Validation(by_order, None)) == [10, 20]


def test_every_file_is_read_in_the_size_and_polarity_that_prediction_would_choose(data):
    for name in "ab":
        file = data / "images" / f"{name}.png"
        Image.fromarray(220 - np.asarray(Image.open(file))).save(file)  # dark nuclei
    seen = []

    class Watched(Bright):
        def forward(self, image):
            seen.append(tuple(image.shape[2:]))
            return super().forward(image)

    pairs = ["INFERENCE.NOMINAL_DIAMETER", "16", "INFERENCE.DIAMETER", "8", "INFERENCE.POLARITY", "dark"]
    settings = load_config(TOY, [*words(data), *pairs])
    run = Run(data / "run", settings).create()
    report = Report(run, 2, False)
    made = trainer(Watched(TASK), [report])
    report.before_training(made)
    Validation(settings, report)(made)
    report.close()
    assert seen == [(40, 40)] * 2
    assert made.scores["truth/precision"] > 0.95 and made.scores["truth/recall"] == pytest.approx(
        0.75, abs=0.02
    )
