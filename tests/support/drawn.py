"""What a dataset draws, as something to compare."""

import pickle

import numpy as np

from nucleizoo.core.plugins import load_plugins


def drawn(dataset, seed, size):
    """One sample, every part of it as its type, shape and bytes."""
    sample = dataset.sample(np.random.default_rng(seed), size)
    parts = {"image": sample.image, "labels": sample.labels, "clean": sample.clean}
    bits = {
        name: None if part is None else (str(part.dtype), part.shape, part.tobytes())
        for name, part in parts.items()
    }
    return bits | {"spacing": sample.spacing}


def drawn_elsewhere(pickled, seed, size):
    """The same by a pickled copy, for a process that has just started."""
    load_plugins()
    return drawn(pickle.loads(pickled), seed, size)
