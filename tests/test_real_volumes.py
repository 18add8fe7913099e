"""Every family of methods trains and predicts real 3D volumes with voxels that are not cubes."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from nucleizoo import api, io

ROOT = Path(__file__).parents[1] / "configs"
SHORT = ["SOLVER.TOTAL", "2", "SYSTEM.WORKERS", "0", "MONITOR.SNAPSHOT", "2", "MONITOR.TENSORBOARD", "false"]


@pytest.fixture
def two_volumes(real_data, tmp_path):
    """The folder of data sets with two of the volumes, cut to a corner, which trains as the whole does."""
    for name, folder in (("cho_n3dh", "cho_n3dh/images"), ("hipsc_nuclei_3d", "hipsc_nuclei_3d")):
        (tmp_path / folder).mkdir(parents=True)
        file, made = real_data / name / "vol_0000.h5", tmp_path / folder / "vol_0000.h5"
        with h5py.File(file) as whole, h5py.File(made, "w") as cut:
            for key, data in whole.items():
                cut[key] = data[:, 60:220, 60:220]
                cut[key].attrs.update(data.attrs)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "config", ["adgan_ins_cho_3d_cpu", "cyclegan_cho_3d_cpu", "cysgan_hipsc_to_cho_3d_cpu"]
)
def test_a_volume_of_thick_planes_is_trained_on_and_segmented(config, two_volumes):
    loaded = api.load_config(ROOT / f"{config}.yaml", [*SHORT, "DATASET.ROOT", str(two_volumes)])
    api.train(loaded, two_volumes / "run")
    list(api.predict(two_volumes / "run", [two_volumes / "cho_n3dh" / "images"], two_volumes / "labels"))
    found = io.read(two_volumes / "labels" / "vol_0000_label.tif")
    assert found.data.shape == (5, 160, 160) and found.data.dtype == np.uint16
    assert found.spacing == pytest.approx((1.0, 0.202, 0.202), rel=1e-3)
