"""By which weights a result was made."""

from __future__ import annotations

from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops.nn.digest import digest
from nucleizoo.runs import weights_of


def weights_hash(segmenter: Segmenter) -> str:
    """A hash of weights and remembered statistics, the same on all machines."""
    return digest(sorted((weights_of(segmenter.method) | segmenter.remembered.tensors()).items()))
