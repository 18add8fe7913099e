"""The central sections of a configuration and what each key means; entries bring their own keys.

A recipe (`recipe`) is a slot: its NAME picks the entry, and the entry's settings are the other keys.
`nucleizoo list KIND.NAME` shows them. Plugins never need to edit this file.
"""

from typing import Any

from nucleizoo.kinds import AUGMENTS, DATASETS, DECODERS, METHODS, TARGETS

DEFAULTS: dict[str, Any] = {
    "SYSTEM": {
        "SEED": 10,  # of everything random: weights, crops, synthetic masks, pools
        "DEVICE": "auto",  # auto (a GPU if there is one), cpu, cuda, cuda:1
        "PRECISION": "auto",  # auto (bf16 where the hardware multiplies it), bf16, fp32
        "WORKERS": -1,  # processes that prepare batches; -1: one, or two with four cores or more; 0: none
        "PLUGINS": [],  # modules, .py files or folders with further entries
    },
    "DATASET": {
        "ROOT": ".",  # folder that the relative paths of datasets start from
        "SIZE": (256, 256),  # training crop, pixels: (y, x), or (z, y, x) for volumes
        "CHANNELS": 1,  # of a picture
        "SPACING": (),  # working voxel size, micrometres in axis order; (): every file's own
        "IMAGE": DATASETS.recipe("images"),  # the unlabelled pictures to be segmented
        "SOURCE": DATASETS.recipe("synthetic"),  # the labelled domain, or synthetic masks
        "AUGMENT": AUGMENTS.recipe("simple"),  # of both
    },
    "TARGET": TARGETS.recipe("mask"),  # how labels are written as maps
    "METHOD": METHODS.recipe(""),
    "SOLVER": {
        "TOTAL": 10000,  # iterations
        "BATCH": 8,  # crops of each domain an iteration, of all ranks together
        "NAME": "adam",  # adam, adamw
        "LR": 2e-4,
        "BETAS": (0.5, 0.99),
        "WEIGHT_DECAY": 1e-4,
        "DECAY_ALL": False,  # decay biases and norms too
        "WARMUP": 0,  # iterations of linear rise
        "SCHEDULE": "linear",  # constant, linear, cosine
        "HOLD": 0.5,  # share of the training before the schedule begins to fall
        "AVERAGE": 0.0,  # decay a step of the running mean of weights used for prediction; 0: off
    },
    "INFERENCE": {
        "WINDOW": (),  # tile, pixels; (): the whole image at once
        "OVERLAP": 0.5,  # of neighbouring tiles, share of the window
        "BLENDING": "linear",  # of tiles where they meet: linear, gaussian (MONAI's), or cysgan (its code's)
        "STATISTICS": "auto",  # of norms: training, image or tile; auto: that of a training that saw images
        "DECODER": DECODERS.recipe("components"),  # maps to instance labels
    },
    "MONITOR": {
        "LOG": 20,  # iterations between log lines
        "SNAPSHOT": 250,  # iterations between picture panels; 0: none
        "SAVE": 500,  # iterations between checkpoints
        "TENSORBOARD": True,  # write events when the package is installed
        "PICTURES": "",  # files with known labels to score while training, for curves only
        "TRUTH": "",  # their labels, of the same names or in the same order; training never sees them
        "VALIDATE": 500,  # iterations between scores, with and without labels; 0: none
    },
}
