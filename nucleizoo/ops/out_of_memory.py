"""Whether an error means that memory was full, whichever library raised it."""

from __future__ import annotations

import errno

import torch

from nucleizoo.core.format import first_line

_CUDA_MEMORY_ALLOCATION = 2
"""cudaErrorMemoryAllocation."""

_SIGNS = (
    "DefaultCPUAllocator: ",
    "std::bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
)
"""What torch puts into a plain RuntimeError, which has neither type nor number for it: names of C++ classes
and of status codes, which are no sentences and the same on all systems. MPS has only its sentence."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory was full, of the CPU or of a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if not isinstance(error, RuntimeError):
        return False
    if getattr(error, "error_code", None) == _CUDA_MEMORY_ALLOCATION:  # torch.AcceleratorError
        return True
    # of a failed system call, torch gives the number at the end: "unable to mmap ... (12)"
    return any(sign in str(error) for sign in _SIGNS) or first_line(error).endswith(f"({errno.ENOMEM})")
