"""Processes on this machine: how many there are, and which GPU each of them is given."""

import pytest
import torch
from yacs.config import CfgNode

from nucleizoo import api
from nucleizoo.blockwise.dask import local
from nucleizoo.core.errors import UserError
from nucleizoo.inference.segmenter import Segmenter

GPU, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture
def machine(monkeypatch):
    """Pretend that there are so many cores and GPUs, of which some are visible."""

    def pretend(cores, gpus, visible=None):
        monkeypatch.setattr(local, "cores", lambda: cores)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return pretend


def seen(places):
    return [place.get("CUDA_VISIBLE_DEVICES") for place in places]


def test_a_process_a_gpu_or_a_core(machine):
    machine(cores=8, gpus=2)
    assert seen(local.environments(GPU)) == ["0", "1"]
    assert seen(local.environments(GPU, 5)) == ["0", "1", "0", "1", "0"]
    assert seen(local.environments(CPU)) == [None] * 8
    assert {place["OMP_NUM_THREADS"] for place in local.environments(GPU)} == {"4"}
    assert {place["OMP_NUM_THREADS"] for place in local.environments(CPU, 20)} == {"1"}


def test_gpus_keep_the_names_by_which_they_were_made_visible(machine):
    machine(cores=8, gpus=2, visible="3, GPU-8932f937")
    assert seen(local.environments(GPU, 3)) == ["3", "GPU-8932f937", "3"]
    machine(cores=8, gpus=1, visible="2,-1,1")  # what follows -1 is not seen
    assert seen(local.environments(GPU)) == ["2"]


def test_a_gpu_that_the_run_names_is_that_of_all(machine):
    machine(cores=8, gpus=2)
    assert seen(local.environments(torch.device("cuda:1"))) == [None]
    assert seen(local.environments(torch.device("cuda:1"), 2)) == [None, None]
    assert seen(local.environments(torch.device("mps"))) == [None]


def test_the_device_is_that_of_the_run_and_not_where_its_weights_lie(monkeypatch, tmp_path):
    """Weights on 'cuda' say that they are on 'cuda:0', which would be a GPU that the run names."""
    asked = []

    def stop(address, source, device):
        raise UserError(f"{address} {device}")

    file = tmp_path / "a.tif"
    file.touch()
    monkeypatch.setattr(api.Run, "open", lambda *_: None)
    settings = CfgNode({"SYSTEM": {"DEVICE": "auto"}})
    monkeypatch.setattr(Segmenter, "open", lambda _: type("Opened", (), {"config": settings}))
    monkeypatch.setattr(api, "pick_device", lambda name: asked.append(name) or GPU)
    monkeypatch.setattr(api.blockwise, "cluster", stop)
    with pytest.raises(UserError, match=r"^local cuda$"):
        list(api.predict("run", [file], tmp_path, dask="local"))
    assert asked == ["auto"]
