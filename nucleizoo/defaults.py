"""The central sections of a configuration and what each key means; entries bring their own keys.

A recipe (`recipe`) is a slot: its NAME picks the entry, and the entry's settings are the other keys.
`nucleizoo list KIND.NAME` shows them. Plugins never need to edit this file.
"""

from typing import Any

from nucleizoo.kinds import (
    AUGMENTS,
    BLENDINGS,
    DATASETS,
    DECODERS,
    HOOKS,
    METHODS,
    OPTIMISERS,
    SCHEDULES,
    TARGETS,
)  # fmt: skip

DEFAULTS: dict[str, Any] = {
    "SYSTEM": {
        "SEED": 10,  # of everything random: weights, crops, synthetic masks, pools
        "DEVICE": "auto",  # auto (a GPU if there is one), cpu, cuda, cuda:1
        "PRECISION": "auto",  # auto (bf16 where the hardware supports it), bf16, fp32
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
        "AUGMENT": AUGMENTS.recipe("simple"),  # of both domains
    },
    "TARGET": TARGETS.recipe("mask"),  # how labels are written as maps
    "METHOD": METHODS.recipe(""),
    "SOLVER": {
        "TOTAL": 10000,  # iterations; 0: none, for a method that learns nothing
        "BATCH": 8,  # crops of each domain per iteration, over all ranks
        "LR": 2e-4,
        "OPTIMISER": OPTIMISERS.recipe("adam"),  # one for every group of parameters of the method
        "WARMUP": 0,  # iterations of linear rise of the learning rate
        "SCHEDULE": SCHEDULES.recipe("linear"),  # how the learning rate falls
        "FROM": "",  # weights to start from: a model such as nuclei_2d, or a run folder; "": random
        "FREEZE": [],  # parameters and running statistics that stay as they are: names, or patterns such as
        # "network.down.0.*"
        "AVERAGE": 0.0,  # decay per step of the running mean of weights used for prediction; 0: off
    },
    "INFERENCE": {
        "WINDOW": (),  # tile, pixels; (): the whole image at once
        "OVERLAP": 0.5,  # of neighbouring tiles, share of the window
        "BLENDING": BLENDINGS.recipe("linear"),  # of tiles where they meet
        "STATISTICS": "auto",  # of norms: training, image, tile; auto: training if it saw images, else tile
        "DECODER": DECODERS.recipe("components"),  # maps to instance labels
        "NOMINAL_DIAMETER": 0.0,  # of the nuclei that the network knows, in pixels: those of every file are
        # magnified to it; 0: files are read as they are
        "DIAMETER": 0.0,  # of the nuclei in files, in pixels; 0: measured by the network in every file
        "POLARITY": "auto",  # nuclei are bright or dark in files; auto: found by the network in every file
    },
    "MONITOR": {
        "LOG": 20,  # iterations between log lines
        "SNAPSHOT": 250,  # iterations between picture panels; 0: none
        "SAVE": 500,  # iterations between checkpoints
        "TENSORBOARD": True,  # write events when the package is installed
        "PICTURES": "",  # files with known labels to score during training, for curves only
        "TRUTH": "",  # their labels; training never sees them
        "PAIR_BY": "name",  # how they are paired: name, or order
        "VALIDATE": 500,  # iterations between scores, with and without labels; 0: none
        "HOOKS": HOOKS.recipes(),  # a key per entry, such as {EARLY_STOP: {PATIENCE: 3}}
    },
}
