"""The floor: shown unasked, set by the size of the nuclei, and never in the way of the others."""

import csv
import re

import numpy as np
import pytest
import tifffile
from support.naming import names

from nucleizoo import METHODS
from nucleizoo.cli import main

NAMES = [name for name in METHODS.names() if METHODS.get(name).floor is not None]


def compare(*words):
    return main(["compare", *map(str, words)])


def models(out):
    with (out / "report.csv").open(encoding="utf-8", newline="") as file:
        return [row["model"] for row in csv.DictReader(file)]


@pytest.fixture
def discs(tmp_path):
    """Images and labels of discs with a radius of 10 pixels on a dark ground, 40 pixels apart."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    y, x = np.mgrid[:160, :160]
    inside = (y % 40 - 20) ** 2 + (x % 40 - 20) ** 2 <= 100
    labels = np.where(inside, 1 + y // 40 * 4 + x // 40, 0).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 2, (2, 160, 160))
    for index, one in enumerate(noise):
        tifffile.imwrite(tmp_path / "images" / f"{index}.tif", np.uint8(30 + 150 * inside + one))
        tifffile.imwrite(tmp_path / "labels" / f"{index}.tif", labels)
    return tmp_path


def test_it_is_a_row_unasked_with_the_measured_size(discs, tmp_path):
    command = ["--labels", f"Mine={discs / 'labels'}", "--data", discs, "--out", tmp_path / "out"]
    assert compare(*command) == 0
    assert len(NAMES) > 0 and {*models(tmp_path / "out")} == {"Mine", *NAMES}
    text = (tmp_path / "out" / "report.md").read_text().replace("\\", "")
    names(text, "floor", *NAMES)
    assert 9 <= float(re.search(r"SPLIT ([\d.]+)", text)[1]) <= 11
    assert 0 < int(re.search(r"MIN_SIZE (\d+)", text)[1]) < 100 * np.pi
    assert compare(*command, "--no-floor") == 0 and models(tmp_path / "out") == ["Mine"]


def test_what_it_cannot_use_leaves_it_out_and_no_picture(discs, tmp_path, caplog):
    tifffile.imwrite(discs / "images" / "0.tif", np.zeros((160, 160), np.uint8))
    tifffile.imwrite(discs / "images" / "1.tif", np.zeros((160, 160), np.uint8))
    command = ["--labels", f"Mine={discs / 'labels'}", "--data", discs, "--out", tmp_path / "out"]
    assert compare(*command) == 0 and models(tmp_path / "out") == ["Mine"]
    names(caplog.text, "no floor", "no nucleus was found")
