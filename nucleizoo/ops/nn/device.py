"""The device and the precision that networks run with."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager

import torch

from nucleizoo.core.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """'auto' is the first GPU, or the CPU; otherwise the device named.

    Raises:
        ConfigError: when the device does not exist here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"SYSTEM.DEVICE: '{name}' is not a device; use auto, cpu or cuda") from error
    if not _is_here(device):
        raise ConfigError(f"SYSTEM.DEVICE: {name} is not available on this machine; use auto or cpu")
    return device


def cores() -> int:
    """Number of CPU cores that this process may use; job schedulers and taskset may allow fewer than all."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pick_precision(name: str, device: torch.device, dims: int) -> torch.dtype:
    """'auto' is bfloat16 where the hardware supports it, else float32; 'bf16' and 'fp32' force one.

    On a CPU that means AMX tiles or, in 2D, AVX-512 BF16 instructions: without them bfloat16 is
    emulated and three times slower than float32. In 3D, torch 2.13's weight gradients for AVX-512
    BF16 read and write out of bounds where a picture is as thin as the kernel.

    Raises:
        ConfigError: for another name, and for 'bf16' in 3D on such a processor.
    """
    if name not in ("auto", "bf16", "fp32"):
        raise ConfigError(f"SYSTEM.PRECISION must be auto, bf16 or fp32, got '{name}'")
    unsafe = dims == 3 and device.type == "cpu" and _probe("avx512_bf16") and not _probe("amx_tile")
    if unsafe and name == "bf16":
        raise ConfigError(
            "SYSTEM.PRECISION: in 3D, torch's bf16 gradients are wrong on this processor (AVX-512 BF16 "
            "without AMX); use auto or fp32"
        )
    wanted = name == "bf16" or (name == "auto" and not unsafe and _has_bf16(device))
    return torch.bfloat16 if wanted else torch.float32


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[None]:
    """Mixed precision for forward passes; no effect when the precision is float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16)


def _is_here(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, NotImplementedError):
        return False
    return True


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return _probe("amx_tile") or _probe("avx512_bf16")


def _probe(instructions: str) -> bool:
    """Whether the processor has these instructions; False if this torch cannot tell."""
    return bool(getattr(torch.cpu, f"_is_{instructions}_supported", bool)())
