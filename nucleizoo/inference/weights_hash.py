"""By which weights a result was made."""

from __future__ import annotations

import hashlib

import torch

from nucleizoo.inference.segmenter import Segmenter


def weights_hash(segmenter: Segmenter) -> str:
    """A hash of weights and remembered statistics, the same on all machines."""
    found = hashlib.sha256()
    state = segmenter.method.state_dict() | segmenter.remembered.tensors()
    for name, tensor in sorted(state.items()):
        if isinstance(tensor, torch.Tensor):
            found.update(name.encode())
            found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
