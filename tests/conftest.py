"""What several test files share."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.toy_picture import toy_picture

from nucleizoo.core.plugins import load_plugins

load_plugins()


def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--runslow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes long; run with --runslow"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of annotated microscopy data; tests that ask for it are skipped where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NUCLEIZOO_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}; set NUCLEIZOO_DATA")
    return folder


@pytest.fixture(scope="session")
def toy_images(tmp_path_factory) -> Path:
    """Folders 'images' (three PNG, 64x64, uint8), 'volumes' (two TIFF, 12x32x32, uint16) and, for
    either, the true 'labels' and 'volume_labels' under the same names."""
    folder = tmp_path_factory.mktemp("toy")
    for name in ("images", "labels", "volumes", "volume_labels"):
        (folder / name).mkdir()
    for i in range(3):
        labels, picture = toy_picture(i, (64, 64), np.uint8)
        Image.fromarray(picture).save(folder / "images" / f"cell{i}.png")
        tifffile.imwrite(folder / "labels" / f"cell{i}.tif", labels.astype(np.uint16))
    for i in range(2):
        labels, picture = toy_picture(i, (12, 32, 32), np.uint16)
        axes = {"imagej": True, "metadata": {"axes": "ZYX"}}
        tifffile.imwrite(folder / "volumes" / f"stack{i}.tif", picture, **axes)
        tifffile.imwrite(folder / "volume_labels" / f"stack{i}.tif", labels.astype(np.uint16), **axes)
    return folder


@pytest.fixture(scope="session")
def annotated(tmp_path_factory) -> Path:
    """A folder with `images/` and `labels/`: eight pairs of 48x64 pixels."""
    folder = tmp_path_factory.mktemp("annotated")
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for i in range(8):
        labels, picture = toy_picture(i, (48, 64), np.uint8)
        tifffile.imwrite(folder / "images" / f"cell{i}.tif", picture)
        tifffile.imwrite(folder / "labels" / f"cell{i}.tif", labels.astype(np.uint16))
    return folder
