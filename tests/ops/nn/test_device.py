import os
import re

import pytest
import torch

from nucleizoo.core.errors import ConfigError
from nucleizoo.ops.nn.device import autocast, cores, pick_device, pick_precision

CPU = torch.device("cpu")
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("cuda")


def test_a_named_device_is_taken_at_its_word():
    assert pick_device("cpu") == CPU


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="all cores are everybody's")
def test_cores_that_a_process_may_not_use_are_not_counted():
    given = os.sched_getaffinity(0)
    assert cores() == len(given)
    try:
        os.sched_setaffinity(0, {min(given)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, given)


@pytest.mark.parametrize("name", ["gpu", "cpu:x", "", "CPU 1"])
def test_what_is_no_device_is_refused(name):
    with pytest.raises(ConfigError, match=rf"SYSTEM\.DEVICE: .*'{re.escape(name)}' .*auto, cpu or cuda"):
        pick_device(name)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"SYSTEM\.DEVICE: .*\bcuda .*machine.*auto or cpu"):
        pick_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda:1")
    for name in ("cuda:2", "meta"):
        with pytest.raises(ConfigError, match=rf"SYSTEM\.DEVICE: .*\b{name} .*machine.*auto or cpu"):
            pick_device(name)


@pytest.mark.parametrize(("amx", "avx512", "expected"), [
    (True, False, torch.bfloat16), (False, True, torch.bfloat16), (False, False, torch.float32),
])  # fmt: skip
def test_auto_is_bf16_where_the_processor_multiplies_it(monkeypatch, amx, avx512, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    assert pick_precision("auto", CPU, 2) == expected


def test_in_3d_avx512_alone_is_not_trusted_with_bf16(monkeypatch):
    amx = False
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert pick_precision("auto", CPU, 3) == torch.float32
    with pytest.raises(ConfigError, match=r"SYSTEM\.PRECISION: .*3D.*bf16.*processor.*auto or fp32"):
        pick_precision("bf16", CPU, 3)
    amx = True
    assert pick_precision("auto", CPU, 3) == pick_precision("bf16", CPU, 3) == torch.bfloat16


def test_auto_is_fp32_where_torch_cannot_tell(monkeypatch):
    for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, probe, raising=False)
    assert pick_precision("auto", CPU, 3) == torch.float32


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16)])
def test_auto_on_a_gpu_asks_for_its_generation(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert pick_precision("auto", torch.device("cuda"), 3) == expected


def test_precisions_by_name():
    assert pick_precision("bf16", CPU, 2) == torch.bfloat16
    assert pick_precision("fp32", CPU, 3) == torch.float32
    with pytest.raises(ConfigError, match=r"SYSTEM\.PRECISION .*auto, bf16 or fp32.*'fp16'"):
        pick_precision("fp16", CPU, 2)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
def test_autocast_multiplies_in_the_precision(device, precision):
    a = torch.ones(4, 4, device=device)
    with autocast(torch.device(device), precision):
        assert (a @ a).dtype == precision
    assert (a @ a).dtype == torch.float32
